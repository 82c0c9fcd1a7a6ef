/**
 * A hand-written control may lack its label, its hint or its error. `npm run lint:forms` finds `<input>`, `<select>`,
 * `<textarea>` and `<label>` outside the form kit (`app/components/form/`).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPONENTS = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  'app',
  'components',
);
const KIT = 'form/';

/** Controls that are not fields of a form, by file: how many, and why. */
const OTHERS = {
  'room/composer.gts': [1, 'the composer is named by aria-label'],
  'dialogs/switcher.gts': [1, 'a combobox, named by aria-label'],
  'settings/password.gts': [1, 'hidden: tells password managers the account'],
};

/** Returns the problems; `templates` are texts by file name. */
function rawControls(templates) {
  const wrong = [];
  for (const [file, text] of Object.entries(templates)) {
    if (file.startsWith(KIT)) continue;
    const found = text.match(/<(input|select|textarea|label)\b/g) ?? [];
    const [allowed = 0] = OTHERS[file] ?? [];
    if (found.length > allowed) {
      wrong.push(
        `${file} has ${found.join(', ')}: use Field, Check or Choices of components/form/`,
      );
    }
    if (found.length < allowed) {
      wrong.push(`${file} needs no exception in config/check-forms.mjs`);
    }
  }
  return wrong;
}

const templates = Object.fromEntries(
  readdirSync(COMPONENTS, { recursive: true })
    .filter((name) => name.endsWith('.gts'))
    .map((name) => [name, readFileSync(join(COMPONENTS, name), 'utf8')]),
);
const wrong = rawControls(templates);
for (const sentence of wrong) console.error(sentence);
process.exitCode = wrong.length ? 1 : 0;
