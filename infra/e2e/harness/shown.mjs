// Records every archived message that a page has ever shown, as it is shown.

/** Runs in the page: reports each message element once, when it has the id of the archive. */
function watch() {
  const seen = new Set();
  const look = (element) => {
    const id = element.getAttribute('data-test-message');
    if (!id || id.startsWith('local:') || seen.has(id)) return;
    seen.add(id);
    window.reportShown(id);
  };
  const lookBelow = (node) => {
    if (!(node instanceof Element)) return;
    if (node.hasAttribute('data-test-message')) look(node);
    node.querySelectorAll('[data-test-message]').forEach(look);
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === 'attributes') look(change.target);
      else change.addedNodes.forEach(lookBelow);
    }
  }).observe(document, {
    attributes: true,
    attributeFilter: ['data-test-message'],
    childList: true,
    subtree: true,
  });
}

/** Adds the ids of all messages that pages of this context show to `ids`. */
export async function rememberShown(context, ids) {
  await context.exposeFunction('reportShown', (id) => ids.add(id));
  await context.addInitScript(watch);
}
