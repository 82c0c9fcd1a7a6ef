/** Requests to the functions: an entry of the generated list, with its parameters filled in. */

import type { Route } from './routes.ts';

type Names<R extends string> = R extends `${string}<${infer Name}>${infer Rest}`
  ? Name | Names<Rest>
  : never;

/** A request whose path has no parameters. */
export type Bare = {
  [R in Route]: Names<R> extends never ? R : never;
}[Route];

declare const filled: unique symbol;

/** `METHOD /path`, with everything filled in. */
export type Filled = string & { [filled]: true };

/** Fills values into a request's path, and appends a query. */
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
