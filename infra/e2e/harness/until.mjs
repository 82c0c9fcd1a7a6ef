// Waits for an expected event, with a time limit.

const POLL_MS = 50;

/**
 * Calls `look` until it returns something truthy, and returns that. An error thrown by `look`
 * counts as "not yet"; the last one explains a failure.
 */
export async function until(what, look, limitMs = 20_000) {
  const end = Date.now() + limitMs;
  let last = 'it was never so';
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s for ${what}: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
