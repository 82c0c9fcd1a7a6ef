import { modifier } from 'ember-modifier';

/** Shows a `<dialog>` as a modal: focus stays inside, Esc closes it. */
export default modifier(
  (element: HTMLDialogElement, [onClose]: [() => void]) => {
    const before = document.activeElement;
    const cancel = (event: Event) => {
      event.preventDefault();
      onClose();
    };
    const press = (event: PointerEvent) => {
      if (event.target === element) onClose();
    };
    element.addEventListener('cancel', cancel);
    element.addEventListener('pointerdown', press);
    // Showing it focuses something in it, which must not happen within the modifier; see `focusSoon`.
    queueMicrotask(() => {
      if (!element.isConnected) return;
      element.showModal();
      // Form fields come before the close button.
      element
        .querySelector<HTMLElement>('input:not([readonly]), textarea')
        ?.focus();
    });
    return () => {
      element.removeEventListener('cancel', cancel);
      element.removeEventListener('pointerdown', press);
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  },
);
