/** Moving the focus from within a modifier. */

/**
 * Focuses an element once the modifier has run. Handlers of focus events must not run within it: what they read would count
 * as read by the modifier, which would run again, and take the focus again, whenever that changes.
 */
export function focusSoon(element: HTMLElement) {
  queueMicrotask(() => {
    if (element.isConnected) element.focus({ preventScroll: true });
  });
}
