import { modifier } from 'ember-modifier';

/** Keeps the page as high as the space that the on-screen keyboard leaves. */
export default modifier((element: HTMLElement) => {
  const view = window.visualViewport;
  if (!view) return;
  const fit = () => {
    // Pinch zoom is not a keyboard.
    if (view.scale > 1.01) return;
    element.style.setProperty('--app-height', `${view.height}px`);
  };
  fit();
  view.addEventListener('resize', fit);
  return () => view.removeEventListener('resize', fit);
});
