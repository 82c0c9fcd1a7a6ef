/**
 * Documents that a page wrote, and was left before it knew the answer. The storage may have them or not: writing them
 * again as they were would be refused in the one case, and remotestorage.js leaves them alone for good in the other.
 */

/** A document in the cache of remotestorage.js, as far as it matters here. */
export interface CachedNode {
  path: string;
  common?: { revision?: string };
  /** What was changed here and is not known to be in the storage. */
  local?: { body?: unknown };
  /** A version that is known to be in the storage, and is fetched before anything is written. */
  remote?: { revision: string; timestamp: number };
}

export interface Cache {
  forAllNodes(look: (node: CachedNode) => void): Promise<void>;
  getNodes(paths: string[]): Promise<Record<string, CachedNode | undefined>>;
  setNodes(nodes: Record<string, CachedNode>): Promise<void>;
}

/**
 * Notes which of them the storage has in another version, by what `list` says of a folder: ETags by name. Returns the
 * paths of all, which have to be fetched or written now.
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
