/** How things look. */

import { find } from '@ember/test-helpers';

/** Returns whether a note is amber, as what needs attention is. */
export function isAmber(selector: string): boolean {
  const probe = document.createElement('p');
  probe.className = 'notice-box';
  find(selector)!.after(probe);
  const amber = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return getComputedStyle(find(selector)!).backgroundColor === amber;
}
