/** Returning from a storage's authorisation page: the implicit grant, as in remotestorage.js. */

export interface OAuthReturn {
  state: string;
  token?: string;
  /** The error the page returns, such as `access_denied`. */
  error?: string;
}

/** Parses what a page returns in the fragment; undefined if it is one of our own routes. */
export function parseReturn(hash: string): OAuthReturn | undefined {
  const text = hash.replace(/^#\/?/, '');
  if (!/(^|&)(access_token|error)=/.test(text)) return undefined;
  const answer = new URLSearchParams(text);
  const [token, error] = [answer.get('access_token'), answer.get('error')];
  return {
    state: answer.get('state') ?? '',
    ...(token ? { token } : {}),
    ...(error ? { error: answer.get('error_description') ?? error } : {}),
  };
}

/** The page on which the user grants this client access to a module of their storage. */
export function authorizeUrl(
  authorize: string,
  scope: string,
  state: string,
  page: { origin: string; pathname: string },
): string {
  const url = new URL(authorize);
  const parameters = {
    response_type: 'token',
    client_id: page.origin,
    redirect_uri: page.origin + page.pathname,
    scope,
    state,
  };
  for (const [name, value] of Object.entries(parameters)) {
    url.searchParams.set(name, value);
  }
  return url.href;
}

let returned: OAuthReturn | undefined;

/** Removes the response from the URL before the router sees it; a token must not stay in the history. */
export function catchReturn(route: string) {
  returned = parseReturn(location.hash);
  if (returned) history.replaceState(null, '', `#${route}`);
}

/** Returns the response, once. */
export function takeReturn(): OAuthReturn | undefined {
  const answer = returned;
  returned = undefined;
  return answer;
}
