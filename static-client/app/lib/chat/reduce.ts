/** Activities from the gateway, applied to the state. */

import { contentOf, publishedAt, type Activity } from '../activities.ts';
import { withTimeOfAttempt } from '../attempt.ts';
import { parseCasemapping } from '../casemapping.ts';
import { isChannel } from '../conversations.ts';
import { splitId } from '../ids.ts';
import {
  entryOf,
  isOwn,
  isRoom,
  nameOf,
  text,
  type Closed,
  type Context,
  type Happening,
  type ObjectOf,
} from './context.ts';
import { roomKey, type Draft } from './draft.ts';
import { addEntry, settle } from './entries.ts';
import {
  join,
  leave,
  leaveAll,
  nick,
  presence,
  query,
  role,
} from './members.ts';
import { isEmoji, relate, type Relation } from './relations.ts';
import { SERVER_ROOM } from './types.ts';

/**
 * Applies an activity. `now` is used if the activity has no time. Replayed messages from before a room was closed do
 * not reopen it.
 */
export function reduce(
  draft: Draft,
  activity: Activity,
  now: number,
  closed: Closed = () => undefined,
): Happening[] {
  const server = splitId(
    activity.actor?.id ?? activity.target?.id ?? '',
  ).server;
  const network = draft.networkOf(server);
  if (!network) return [];
  const context: Context = {
    draft,
    network,
    activity,
    at: publishedAt(activity, now),
    happenings: [],
    closed,
  };
  const handler = HANDLERS[activity.type];
  handler?.(context);
  return context.happenings;
}

const HANDLERS: Record<string, (context: Context) => void> = {
  send,
  join,
  leave,
  query,
  invite,
  add: addOrRemove,
  remove: addOrRemove,
  delete: relation,
  error: trouble,
  update(context) {
    const { object } = context.activity;
    if (object?.type === 'connection') connection(context, object);
    else if (object?.type === 'presence') presence(context, object);
    else if (object?.type === 'topic') topic(context, object);
    else if (object?.type === 'address') nick(context);
    else if (object?.type === 'message') relation(context);
    else if (object?.type === 'chat-state') typing(context, object);
  },
};

function addOrRemove(context: Context) {
  if (context.activity.object?.type === 'reaction') relation(context);
  else role(context);
}

/** The room that something about a message, or typing, belongs to. */
function roomOf({ draft, network, activity }: Context) {
  const to = nameOf(activity.target);
  const from = nameOf(activity.actor);
  const name =
    isRoom(network, activity.target) || isOwn(network, from) ? to : from;
  return draft.room(network.id, name);
}

function relation(context: Context) {
  const { activity, at } = context;
  const { object } = activity;
  const from = nameOf(activity.actor);
  const base = { from, at, text: '', emoji: '', removed: false };
  let made: Relation | undefined;
  if (object?.type === 'reaction') {
    const emoji = text(object.content);
    const about = text(object.inReplyTo);
    const removed = activity.type === 'remove';
    if (isEmoji(emoji) && about) {
      made = { ...base, kind: 'reaction', about, emoji, removed };
    }
  } else if (object?.type === 'message' && text(object.id)) {
    const about = text(object.id);
    made =
      activity.type === 'delete'
        ? { ...base, kind: 'deletion', about }
        : { ...base, kind: 'edit', about, text: text(object.content) };
  }
  const room = made && roomOf(context);
  if (made && room) relate(room, [made]);
}

/** Typing holds for so long if nothing else is said, in ms (IRCv3 typing). */
const COMPOSING = 6000;
const PAUSED = 30_000;

function typing(context: Context, object: ObjectOf<'chat-state'>) {
  const { network, activity, happenings } = context;
  const from = nameOf(activity.actor);
  const room = roomOf(context);
  if (!room || !from || isOwn(network, from)) return;
  happenings.push({
    type: 'typing',
    networkId: network.id,
    room: room.key,
    from,
    lasts:
      object.state === 'composing'
        ? COMPOSING
        : object.state === 'paused'
          ? PAUSED
          : 0,
  });
}

function send(context: Context) {
  const { draft, network, activity, happenings, closed } = context;
  const from =
    activity.actor?.type === 'service'
      ? network.name
      : nameOf(activity.actor) || network.name;
  const kind =
    activity.object?.type === 'me'
      ? 'action'
      : activity.object?.type === 'notice'
        ? 'notice'
        : 'message';
  const entry = entryOf(context, kind, from, contentOf(activity));
  const to = nameOf(activity.target);
  const toChannel = isRoom(network, activity.target);
  let name: string;
  if (toChannel) name = to;
  else if (activity.actor?.type === 'service') name = SERVER_ROOM;
  else name = entry.own ? to : from;
  // Services reply with notices, which do not open a conversation.
  if (
    kind === 'notice' &&
    !toChannel &&
    !draft.rooms.has(roomKey(network, name))
  ) {
    name = SERVER_ROOM;
  }
  if (
    context.at <= (closed(network.id, name) ?? -Infinity) &&
    !draft.rooms.has(roomKey(network, name))
  ) {
    return;
  }
  const room = draft.openRoom(
    network.id,
    name,
    toChannel ? 'channel' : 'direct',
  );
  if (!room) return;
  if (entry.own && !room.ids.has(entry.id)) {
    const localId = settle(room, entry);
    if (localId) {
      happenings.push({
        type: 'settled',
        networkId: network.id,
        room: room.key,
        localId,
      });
    }
  }
  if (room.kind === 'direct' && !entry.own && kind !== 'notice') {
    entry.mention = true;
  }
  if (addEntry(room, entry)) {
    happenings.push({
      type: 'message',
      networkId: network.id,
      room: room.key,
      entry,
    });
  }
}

function topic(context: Context, object: ObjectOf<'topic'>) {
  const { draft, network, activity } = context;
  const channel = nameOf(activity.target);
  const content = contentOf(activity) || text(object.topic);
  if (!isRoom(network, activity.target)) return;
  const room = draft.room(network.id, channel);
  if (!room) return;
  room.topic = content;
  // Without an id it is the state after `connect`, not a change.
  if (activity.id) {
    addEntry(room, entryOf(context, 'topic', nameOf(activity.actor), content));
  }
}

function connection(
  { draft, network, activity, at, happenings }: Context,
  object: ObjectOf<'connection'>,
) {
  const changed = draft.network(network.id);
  const { status } = object;
  if (!changed) return;
  if (status === 'connecting' || status === 'online' || status === 'offline') {
    changed.status = status;
  }
  changed.sentence = withTimeOfAttempt(contentOf(activity), at);
  // While it tries again, what was refused is still what one is asked about.
  if (status !== 'connecting') {
    changed.certificate = text(object.certificate) || undefined;
  }
  const current = text(object.nick) || nameOf(activity.target);
  if (current) changed.nick = current;
  if (object.casemapping !== undefined) {
    const casemapping = parseCasemapping(
      object.casemapping,
      changed.casemapping,
    );
    if (casemapping !== changed.casemapping) {
      changed.casemapping = casemapping;
      for (const [from, to] of draft.rekey(network.id)) {
        happenings.push({
          type: 'moved',
          networkId: network.id,
          room: to,
          from,
        });
      }
    }
  }
  if (Array.isArray(object.supports)) changed.carried = object.supports;
  if (changed.status !== 'online') leaveAll(draft, changed);
}

function invite(context: Context) {
  const { draft, network, activity, happenings } = context;
  const who = nameOf(activity.actor);
  const target = nameOf(activity.target);
  const { object } = activity;
  const channel = object && 'name' in object ? text(object.name) : '';
  if (object?.type !== 'room' && !isChannel(channel, network.conversations)) {
    return;
  }
  if (!channel || isOwn(network, who)) return;
  if (!isOwn(network, target)) return;
  const room = draft.openRoom(network.id, SERVER_ROOM);
  if (!room) return;
  const entry = entryOf(
    context,
    'info',
    who,
    `${who} invites you to ${channel}`,
  );
  if (addEntry(room, entry)) {
    happenings.push({
      type: 'invite',
      networkId: network.id,
      room: room.key,
      entry,
    });
  }
}

function trouble(context: Context) {
  const { draft, network, activity } = context;
  const sentence = text(activity.error) || contentOf(activity);
  if (!sentence) return;
  const target = nameOf(activity.target);
  const room =
    (target ? draft.room(network.id, target) : undefined) ??
    draft.openRoom(network.id, SERVER_ROOM);
  if (room) addEntry(room, entryOf(context, 'error', network.name, sentence));
}
