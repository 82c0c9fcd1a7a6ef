/** Coming back from a storage's authorisation page: the implicit grant, as remotestorage.js has it. */

export interface OAuthReturn {
  state: string;
  token?: string;
  /** What the page says instead, `access_denied`. */
  error?: string;
}

/** Reads what a page hands over in the fragment; nothing if it is one of our own routes. */
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

/** The page on which the user lets this client use a module of their storage. */
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

/** Takes the answer out of the address before the router sees it; a token must not stay in the history. */
export function catchReturn(route: string) {
  returned = parseReturn(location.hash);
  if (returned) history.replaceState(null, '', `#${route}`);
}

/** Returns the answer, once. */
export function takeReturn(): OAuthReturn | undefined {
  const answer = returned;
  returned = undefined;
  return answer;
}
