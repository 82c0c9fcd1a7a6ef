/**
 * Class names are global: one that means two things shows one of them as the other. `npm run lint:classes` finds
 *
 * - a name that has rules of its own (`.notice`) and also varies another (`.message.notice`);
 * - a name that has rules of its own in two files;
 * - a name of one part of the page (`dialogs.css`) that another part uses, where its rules were never meant;
 * - `:hover` that touch screens would keep;
 * - a file that `index.css` puts into no layer, which would win over all that are in one.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const APP = join(dirname(fileURLToPath(import.meta.url)), '..', 'app');

/** Files for all parts, and those that only adapt what others define. */
const SHARED = ['base.css', 'controls.css'];
const ADAPTING = ['narrow.css', 'contrast.css'];
/** The components that a file belongs to. */
const OWNERS = {
  'auth.css': ['auth/', 'templates/'],
  'call.css': ['call/'],
  'dialogs.css': ['dialogs/', 'shared/dialog.gts', 'webhooks/'],
  'mail.css': ['mail/'],
  'room.css': ['room/'],
  'settings.css': ['settings/', 'mail/'],
  'shell.css': ['shell.gts', 'sidebar/', 'room/'],
  'timeline.css': ['room/'],
};
/** Text formatting, which is meant to be combined. */
const COMBINED = new Set(['b', 'i', 'u', 's', 'mono', 'visually-hidden']);

/** A style sheet's selectors as lists of compounds (`.message.notice`), without the content of `:not(…)`. */
function selectors(css) {
  const found = [];
  const plain = css.replace(/\/\*[\s\S]*?\*\//g, '');
  for (const [, prelude] of plain.matchAll(/([^{}]*)\{/g)) {
    const selector = prelude.slice(prelude.lastIndexOf(';') + 1).trim();
    if (selector.startsWith('@')) continue;
    const bare = selector.replace(/:[a-z-]+\([^()]*(\([^()]*\)[^()]*)*\)/g, '');
    for (const one of bare.split(',')) {
      found.push(one.split(/[\s>+~]+/).filter(Boolean));
    }
  }
  return found;
}

const classesOf = (compound) =>
  [...compound.matchAll(/\.([\w-]+)/g)].map(([, name]) => name);

/** Returns the problems; `sheets` and `templates` are texts by file name. */
function collisions(sheets, templates) {
  const wrong = [];
  /** Names with rules of their own, and their file. */
  const own = new Map();
  for (const [file, css] of Object.entries(sheets)) {
    if (ADAPTING.includes(file)) continue;
    for (const [compound, ...below] of selectors(css)) {
      const [name, ...more] = classesOf(compound ?? '');
      if (!name || more.length || below.length) continue;
      const other = own.get(name);
      if (other && other !== file) {
        wrong.push(`.${name} has rules of its own in ${other} and in ${file}`);
      }
      own.set(name, other ?? file);
    }
  }
  for (const [file, css] of Object.entries(sheets)) {
    for (const compound of selectors(css).flat()) {
      const [base, ...varied] = classesOf(compound);
      for (const name of varied) {
        if (!own.has(name) || COMBINED.has(name) || COMBINED.has(base))
          continue;
        wrong.push(
          `.${name} has rules of its own in ${own.get(name)}, and ${file} uses it as a variant: ${compound}`,
        );
      }
    }
  }
  for (const [path, text] of Object.entries(templates)) {
    for (const [, value] of text.matchAll(/\sclass="([^"]*)"/g)) {
      const words = value.replace(/\{\{|\}\}|['"]/g, ' ').split(/\s+/);
      for (const name of words) {
        const owners = OWNERS[own.get(name)];
        if (!owners || owners.some((owner) => path.includes(owner))) continue;
        wrong.push(`.${name} belongs to ${own.get(name)}, and ${path} uses it`);
      }
    }
  }
  for (const [file, css] of Object.entries(sheets)) {
    // On a touch screen, what was tapped last stays hovered.
    const outside = css.replace(/@media \(hover: hover\) \{[\s\S]*?\n\}/g, '');
    if (outside.includes(':hover')) {
      wrong.push(`${file} has :hover outside of @media (hover: hover)`);
    }
    if (![...SHARED, ...ADAPTING].includes(file) && !(file in OWNERS)) {
      wrong.push(`${file} is not in config/check-classes.mjs`);
    }
  }
  return [...new Set(wrong)];
}

function texts(folder, end) {
  const names = readdirSync(folder, { recursive: true });
  return Object.fromEntries(
    names
      .filter((name) => name.endsWith(end))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

const sheets = texts(join(APP, 'css'), '.css');
const index = sheets['index.css'];
delete sheets['index.css'];
const unlayered = Object.keys(sheets)
  .filter((file) => !index.includes(`@import "./${file}" layer(`))
  .map((file) => `index.css puts ${file} into no layer`);
delete sheets['tokens.css'];
const wrong = collisions(sheets, {
  ...texts(join(APP, 'components'), '.gts'),
  ...Object.fromEntries(
    Object.entries(texts(join(APP, 'templates'), '.gts')).map(
      ([name, text]) => [`templates/${name}`, text],
    ),
  ),
}).concat(unlayered);
for (const sentence of wrong) console.error(sentence);
process.exitCode = wrong.length ? 1 : 0;
