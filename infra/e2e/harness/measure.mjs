// Measures a page while something happens in it: changed nodes, frames, long tasks, layout shifts. Runs in the browser.

/** Starts counting; for `addInitScript` and `evaluate`. */
export function startMeasuring() {
  const seen = { nodes: 0, changes: 0, frames: [], tasks: [], shift: 0, shifts: [] };
  window.measured = seen;
  // Weak, or else the measurement would keep every removed row alive.
  const known = new WeakSet();
  const within = (node, found) => {
    found.add(node);
    node.childNodes.forEach((child) => within(child, found));
  };
  const mutations = new MutationObserver((records) => {
    // A row is inserted into the page before its children, so that its parts are reported again: each counts once. A
    // moved node is both removed and added.
    const [added, removed, changed] = [new Set(), new Set(), new Set()];
    for (const { type, target, addedNodes, removedNodes } of records) {
      if (type === 'characterData') changed.add(target);
      addedNodes.forEach((node) => within(node, added));
      removedNodes.forEach((node) => within(node, removed));
    }
    for (const nodes of [added, removed, changed]) {
      seen.changes += nodes.size;
      for (const node of nodes) {
        if (!known.has(node)) seen.nodes += 1;
        known.add(node);
      }
    }
  });
  mutations.observe(document, { subtree: true, childList: true, characterData: true });
  const tasks = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.tasks.push(duration);
  });
  tasks.observe({ type: 'longtask' });
  const shifts = new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources, startTime } of list.getEntries()) {
      if (hadRecentInput) continue;
      seen.shift += value;
      for (const { node, previousRect, currentRect } of sources) {
        const name = node?.outerHTML?.slice(0, 90) ?? node?.nodeName;
        const moved = `${previousRect.y} → ${currentRect.y}`;
        seen.shifts.push({ value, at: Math.round(startTime), name, moved });
      }
    }
  });
  shifts.observe({ type: 'layout-shift', buffered: true });
  let last = performance.now();
  const frame = (now) => {
    if (window.measured !== seen) {
      mutations.disconnect();
      tasks.disconnect();
      shifts.disconnect();
      return;
    }
    seen.frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** The counts so far, and the current number of nodes in the page. */
export function measured() {
  const { nodes, changes, frames, tasks, shift, shifts } = window.measured;
  const sorted = [...frames].sort((a, b) => a - b);
  const at = (part) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
  const walk = document.createTreeWalker(document);
  let present = 1;
  while (walk.nextNode()) present += 1;
  return {
    present,
    nodes,
    changes,
    frames: { count: frames.length, p50: at(0.5), p95: at(0.95), max: at(1) },
    tasks: {
      count: tasks.length,
      sum: Math.round(tasks.reduce((sum, ms) => sum + ms, 0)),
      max: Math.round(Math.max(0, ...tasks)),
    },
    shift: Math.round(shift * 1000) / 1000,
    shifts,
  };
}
