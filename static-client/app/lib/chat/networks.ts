/** The account's connections, and what is known without the gateway, applied to the state. */

import { parseCasemapping } from '../casemapping.ts';
import { platformOf, type Platforms } from '../platforms.ts';
import type { Draft, DraftNetwork } from './draft.ts';
import { leaveAll } from './members.ts';
import type { Connection } from './types.ts';

/** Updates the networks from the list of connections. */
export function applyConnections(
  draft: Draft,
  connections: readonly Connection[],
  /** The networks' case mappings when they were last online. */
  casemappings: Readonly<Record<string, unknown>> = {},
  platforms: Platforms = [],
) {
  const wanted = new Set(connections.map((connection) => connection.id));
  for (const id of [...draft.networks.keys()]) {
    if (!wanted.has(id)) draft.removeNetwork(id);
  }
  for (const connection of connections) {
    applyConnection(draft, connection, casemappings[connection.id], platforms);
  }
}

/** Adds or updates one network. */
export function applyConnection(
  draft: Draft,
  connection: Connection,
  casemapping?: unknown,
  platforms: Platforms = [],
) {
  const known = draft.network(connection.id);
  const platform = platformOf(platforms, connection.platform);
  const { conversations, names } = platform;
  const settings = {
    conversations,
    // Descriptors may omit it.
    supports: platform.supports ?? [],
    platform: connection.platform,
    name: connection.name,
    server: connection.server,
    wantedNick: connection.nick,
    enabled: connection.enabled,
    connector: connection.connector,
  };
  if (known) {
    Object.assign(known, settings);
    if (!connection.enabled) {
      known.status = 'offline';
      known.sentence = 'This network is switched off.';
      leaveAll(draft, known);
    }
  } else {
    const network: DraftNetwork = {
      id: connection.id,
      ...settings,
      nick: connection.nick,
      status: connection.enabled ? 'connecting' : 'offline',
      sentence: connection.enabled
        ? 'Connecting to the gateway…'
        : 'This network is switched off.',
      away: false,
      casemapping: parseCasemapping(casemapping, names.compare),
      rooms: [],
    };
    draft.setNetwork(network);
  }
  for (const channel of connection.channels) {
    const [name] = channel.split(' ');
    if (name) draft.openRoom(connection.id, name, 'channel');
  }
}

/** The link to the gateway broke: the state of its networks is unknown. */
export function applyLinkLost(draft: Draft, connector: string | undefined) {
  for (const network of [...draft.networks.values()]) {
    if (connector !== undefined && network.connector !== connector) continue;
    if (!network.enabled || network.status === 'connecting') continue;
    const changed = draft.network(network.id);
    if (!changed) continue;
    changed.status = 'connecting';
    changed.sentence = 'Connecting to the gateway…';
  }
}
