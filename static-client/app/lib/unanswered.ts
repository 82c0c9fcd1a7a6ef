/**
 * Documents that were written by a page which was left before it received the response. The storage may or may not
 * have them: writing them again unchanged would be refused in the first case, and remotestorage.js never writes them
 * again in the second.
 */

/** A document in remotestorage.js's cache, as far as it matters here. */
export interface CachedNode {
  path: string;
  common?: { revision?: string };
  /** A local change that is not known to be in the storage. */
  local?: { body?: unknown };
  /** A version known to be in the storage, which is fetched before anything is written. */
  remote?: { revision: string; timestamp: number };
}

export interface Cache {
  forAllNodes(look: (node: CachedNode) => void): Promise<void>;
  getNodes(paths: string[]): Promise<Record<string, CachedNode | undefined>>;
  setNodes(nodes: Record<string, CachedNode>): Promise<void>;
}

/**
 * Notes which of them the storage has in another version, according to a folder's ETags from `list`. Returns the
 * paths of all, which must be fetched or written now.
 */
export async function settleUnanswered(
  cache: Cache,
  list: (folder: string) => Promise<ReadonlyMap<string, string>>,
): Promise<string[]> {
  const paths: string[] = [];
  await cache.forAllNodes(({ path, local, remote }) => {
    if (local && !remote && !path.endsWith('/')) paths.push(path);
  });
  const folders = Map.groupBy(paths, (path) =>
    path.slice(0, path.lastIndexOf('/') + 1),
  );
  for (const [folder, written] of folders) {
    const etags = await list(folder);
    const nodes = await cache.getNodes(written);
    const changed: Record<string, CachedNode> = {};
    for (const path of written) {
      const node = nodes[path];
      const revision = etags.get(path.slice(folder.length));
      if (!node || !revision || revision === node.common?.revision) continue;
      changed[path] = { ...node, remote: { revision, timestamp: Date.now() } };
    }
    await cache.setNodes(changed);
  }
  return paths;
}
