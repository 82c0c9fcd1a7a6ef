/** `config.json` beside index.html: the functions' address, if not the page's own origin. */

export interface ClientConfig {
  /** Origin of the functions. */
  functions: string;
}

/** Reads the configuration; if the file is missing or unreadable, the page's own origin is used. */
export async function loadConfig(
  fetcher: typeof fetch = (...args) => fetch(...args),
  page: string = document.baseURI,
): Promise<ClientConfig> {
  const own = new URL(page).origin;
  try {
    const response = await fetcher(new URL('config.json', page).href, {
      cache: 'no-cache',
      credentials: 'omit',
    });
    if (!response.ok) return { functions: own };
    return { functions: parseOrigin(await response.json()) ?? own };
  } catch {
    return { functions: own };
  }
}

function parseOrigin(value: unknown): string | undefined {
  const functions = (value as { functions?: unknown } | null)?.functions;
  if (typeof functions !== 'string' || !functions) return undefined;
  try {
    const url = new URL(functions);
    return /^https?:$/.test(url.protocol) ? url.origin : undefined;
  } catch {
    return undefined;
  }
}
