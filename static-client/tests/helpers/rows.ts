/** What is shown of a room, and what changes there. */

import { waitUntil, findAll } from '@ember/test-helpers';

/** The texts of the messages on the page. */
export function texts(): string[] {
  return findAll('[data-test-message] [data-test-text]').map((element) =>
    element.textContent.trim(),
  );
}

/** Waits until a message is shown. */
export async function shows(text: string) {
  await waitUntil(() => texts().includes(text), { timeoutMessage: text });
}

/** What some work changes in the page, in nodes. */
export async function changes(work: () => Promise<void>) {
  const seen: MutationRecord[] = [];
  const observer = new MutationObserver((records) => seen.push(...records));
  observer.observe(document.querySelector('#ember-testing')!, {
    subtree: true,
    childList: true,
    characterData: true,
  });
  await work();
  seen.push(...observer.takeRecords());
  observer.disconnect();
  const changed = new Set<Node>();
  const add = (node: Node) => {
    changed.add(node);
    node.childNodes.forEach(add);
  };
  for (const { type, target, addedNodes, removedNodes } of seen) {
    if (type === 'characterData') changed.add(target);
    addedNodes.forEach(add);
    removedNodes.forEach(add);
  }
  return changed.size;
}

/** How many rows some work adds to the page and removes from it; one that is moved counts as both. */
export async function rowsTouched(work: () => Promise<void>) {
  const seen: MutationRecord[] = [];
  const observer = new MutationObserver((records) => seen.push(...records));
  observer.observe(document.querySelector('#ember-testing')!, {
    subtree: true,
    childList: true,
  });
  await work();
  seen.push(...observer.takeRecords());
  observer.disconnect();
  const rows = (nodes: NodeList) =>
    [...nodes].filter(
      (node) => node instanceof Element && node.matches('[data-row]'),
    ).length;
  const sum = (of: (record: MutationRecord) => NodeList) =>
    seen.reduce((total, record) => total + rows(of(record)), 0);
  return {
    added: sum(({ addedNodes }) => addedNodes),
    removed: sum(({ removedNodes }) => removedNodes),
  };
}
