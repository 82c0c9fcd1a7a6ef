/** The module `subspace` in the user's remoteStorage: settings, and how far each room is read. */

import type RemoteStorage from 'remotestoragejs';

type BaseClient = ReturnType<RemoteStorage['scope']>;

/** `/subspace/settings` */
export interface SyncedSettings {
  theme?: 'auto' | 'light' | 'dark';
  /** Keys of rooms without notifications. */
  muted?: string[];
  /** Closed direct conversations and channels, and when they were closed (ms). */
  closed?: Record<string, number>;
  /** Whether others are told that one is typing; they are if it is absent. */
  typing?: boolean;
}

export interface SubspaceModule {
  settings(): Promise<SyncedSettings>;
  storeSettings(settings: SyncedSettings): Promise<unknown>;
  /** Key of the room that was open last, on any device. */
  lastRoom(): Promise<string | undefined>;
  storeLastRoom(key: string): Promise<unknown>;
  /** Room keys, and the time up to which each is read. */
  markers(): Promise<Map<string, number>>;
  storeMarker(key: string, at: number): Promise<unknown>;
  onChange(listener: (change: StorageChange) => void): void;
}

export type StorageChange =
  | { type: 'settings'; settings: SyncedSettings }
  | { type: 'marker'; key: string; at: number; lost?: number };

const SETTINGS = 'settings';
/** A separate document: it changes often, and must not conflict with the settings. */
const LAST_ROOM = 'last-room';
const READ = 'read/';

/** `<network id>/<folded name>` as a document's path. */
export function markerPath(key: string): string {
  const slash = key.indexOf('/');
  const name = encodeURIComponent(key.slice(slash + 1)).replaceAll('.', '%2E');
  return `${READ}${key.slice(0, slash)}/${name}`;
}

/** The room's key in that path. */
export function markerKey(path: string): string | undefined {
  const match = /^read\/([^/]+)\/([^/]+)$/.exec(path);
  if (!match) return undefined;
  try {
    return `${match[1]}/${decodeURIComponent(match[2]!)}`;
  } catch {
    return undefined;
  }
}

function markerTime(value: unknown): number | undefined {
  const at = (value as { at?: unknown } | null | undefined)?.at;
  return typeof at === 'number' && Number.isFinite(at) ? at : undefined;
}

function asSettings(value: unknown): SyncedSettings {
  if (typeof value !== 'object' || value === null) return {};
  const { theme, muted, closed, typing } = value as SyncedSettings;
  return {
    ...(theme === 'auto' || theme === 'light' || theme === 'dark'
      ? { theme }
      : {}),
    ...(Array.isArray(muted) ? { muted: muted.map(String) } : {}),
    ...(typeof closed === 'object' && closed ? { closed } : {}),
    ...(typeof typing === 'boolean' ? { typing } : {}),
  };
}

export const subspaceModule = {
  name: 'subspace',
  builder(client: BaseClient): { exports: SubspaceModule } {
    client.declareType(SETTINGS, {
      type: 'object',
      properties: {
        theme: { type: 'string', enum: ['auto', 'light', 'dark'] },
        muted: { type: 'array', items: { type: 'string' } },
        closed: { type: 'object' },
        typing: { type: 'boolean' },
      },
    });
    client.declareType(LAST_ROOM, {
      type: 'object',
      properties: { key: { type: 'string' } },
      required: ['key'],
    });
    client.declareType('read-marker', {
      type: 'object',
      properties: { at: { type: 'number' } },
      required: ['at'],
    });
    return {
      exports: {
        settings: async () =>
          asSettings(await client.getObject(SETTINGS, false)),
        storeSettings: (settings) =>
          client.storeObject(SETTINGS, SETTINGS, { ...settings }),
        lastRoom: async () => {
          const stored = await client.getObject(LAST_ROOM, false);
          const key = (stored as { key?: unknown } | null | undefined)?.key;
          return typeof key === 'string' ? key : undefined;
        },
        storeLastRoom: (key) =>
          client.storeObject(LAST_ROOM, LAST_ROOM, { key }),
        storeMarker: (key, at) =>
          client.storeObject('read-marker', markerPath(key), { at }),
        markers: async () => {
          const found = new Map<string, number>();
          const networks = (await client.getListing(READ, false)) as object;
          for (const network of Object.keys(networks ?? {})) {
            const folder = READ + network;
            const all = (await client.getAll(folder, false)) as Record<
              string,
              unknown
            >;
            for (const [name, value] of Object.entries(all ?? {})) {
              const key = markerKey(folder + name);
              const at = markerTime(value);
              if (key && at !== undefined) found.set(key, at);
            }
          }
          return found;
        },
        onChange: (listener) => {
          client.on('change', (changed: unknown) => {
            const event = changed as ChangeEventLike;
            if (event.relativePath === SETTINGS) {
              listener({
                type: 'settings',
                settings: asSettings(event.newValue),
              });
              return;
            }
            const key = markerKey(event.relativePath);
            const at = markerTime(event.newValue);
            if (!key || at === undefined) return;
            const lost =
              event.origin === 'conflict'
                ? markerTime(event.oldValue)
                : undefined;
            listener({
              type: 'marker',
              key,
              at,
              ...(lost === undefined ? {} : { lost }),
            });
          });
        },
      },
    };
  },
};

interface ChangeEventLike {
  relativePath: string;
  origin: string;
  oldValue?: unknown;
  newValue?: unknown;
}
