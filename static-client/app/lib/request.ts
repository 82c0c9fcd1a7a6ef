/** Requests to the functions: one of the generated list, with its names filled in. */

import type { Route } from './routes.ts';

type Names<R extends string> = R extends `${string}<${infer Name}>${infer Rest}`
  ? Name | Names<Rest>
  : never;

/** A request whose address has no names. */
export type Bare = {
  [R in Route]: Names<R> extends never ? R : never;
}[Route];

declare const filled: unique symbol;

/** `METHOD /address`, with everything filled in. */
export type Filled = string & { [filled]: true };

/** Fills values into the address of a request, and puts a query behind it. */
export function to<R extends Route>(
  route: R,
  values: Record<Names<R>, string>,
  query: Record<string, string> = {},
): Filled {
  const path = route.replaceAll(/<(\w+)>/g, (_, name: Names<R>) =>
    encodeURIComponent(values[name]),
  );
  const search = new URLSearchParams(query).toString();
  return (search ? `${path}?${search}` : path) as Filled;
}
