import { modifier } from 'ember-modifier';
import { nickHue } from '../lib/colours.ts';

/** Sets `--hue` from a name. A style attribute would need `unsafe-inline` in the page's CSP. */
export default modifier(
  (element: HTMLElement | SVGElement, [name]: [string]) => {
    element.style.setProperty('--hue', nickHue(name).toFixed(1));
  },
);
