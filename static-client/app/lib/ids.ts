/** Sockethub ids: `nick@server` and `#channel@server`; the name is the part before the last `@`. */

export interface NameAtServer {
  name: string;
  server: string;
}

/** Splits an id at its last `@`; an id without one is a service, with an empty name. */
export function splitId(id: string): NameAtServer {
  const at = id.lastIndexOf('@');
  if (at < 0) return { name: '', server: id };
  return { name: id.slice(0, at), server: id.slice(at + 1) };
}

/** Joins a name and a server. */
export function joinId(name: string, server: string): string {
  return `${name}@${server}`;
}
