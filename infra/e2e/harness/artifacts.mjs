// Where pictures and logs are kept for inspection after a run.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', 'artifacts');

/** Returns the path of an artifact; its folder exists. */
export function artifact(name) {
  const path = join(FOLDER, name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
