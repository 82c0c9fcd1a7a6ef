import { modifier } from 'ember-modifier';

/**
 * Makes a textarea as high as its text; CSS sets the limits. The text must be read here: a modifier runs again only
 * for arguments that it has read.
 */
export default modifier((element: HTMLTextAreaElement, [text]: [string]) => {
  element.style.height = 'auto';
  element.style.height = text ? `${element.scrollHeight}px` : '';
});
