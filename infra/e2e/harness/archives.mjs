// An account's archives, read as any remoteStorage app would.

/** The remoteStorage of one account. */
export class Archives {
  #root;
  #headers;

  constructor(origin, account, token) {
    this.#root = `${origin}/storage/${account}`;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** Returns all entries of all daily archives, each with the path of its document. */
  async entries() {
    const entries = [];
    for (const path of await this.#documents('/chat-messages/')) {
      if (path.endsWith('/meta')) continue;
      const document = await (await this.#get(path)).json();
      entries.push(...document.today.messages.map((message) => ({ ...message, path })));
    }
    return entries;
  }

  /** Returns the texts of messages whose path contains `where`, in chronological order. */
  async texts(where) {
    const entries = await this.entries();
    return entries
      .filter((entry) => entry.path.includes(where) && ['text', 'action'].includes(entry.type))
      .sort((a, b) => a.timestamp - b.timestamp)
      .map((entry) => entry.text);
  }

  async #documents(folder) {
    const response = await this.#get(folder);
    const { items } = await response.json();
    const found = [];
    for (const name of Object.keys(items)) {
      const path = folder + encodeURIComponent(name).replace(/%2F$/, '/');
      if (name.endsWith('/')) found.push(...(await this.#documents(path)));
      else found.push(path);
    }
    return found;
  }

  async #get(path) {
    const response = await fetch(this.#root + path, { headers: this.#headers });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response;
  }
}
