// Written by `cargo xtask generate` from common/protocol; not to be edited.

/**
 * The name of an account: `^[a-z][a-z0-9_-]{0,30}$`, so that it is also an IRC nickname
 * (RFC 2812, section 2.3.1), a path segment and the local part of a user address.
 */
export type AccountName = string;

/**
 * A mail address for outgoing mail: an ASCII `Mailbox` as in RFC 5321, section 4.1.2, without a quoted local part or
 * an address literal. The domain is in lower case.
 */
export type EmailAddress = string;

/** Several scopes, separated by spaces; they add up. */
export type Scopes = string;

/**
 * A point in time: milliseconds since 1970-01-01T00:00:00Z.
 *
 * In JSON it is the string `2026-01-15T10:00:00.000Z`.
 */
export type Timestamp = string;

/** RFC 9457 problem details, `application/problem+json`. */
export type Problem = {
  /** Always `about:blank`: the status is sufficient. */
  type: string;
  /** The status in words. */
  title: string;
  /** HTTP status. */
  status: number;
  /** One sentence: what was wrong, with which input, what to do. */
  detail: string;
};

/** Response to `GET /api`: what a client needs before signing in. */
export type ServerInfo = {
  /** The installation's name. */
  name: string;
  /** The version of the functions. */
  version: string;
  /** Whether the first account is missing, and can be created with the set-up token. */
  needs_setup: boolean;
  /** Origin of the storage. */
  storage: string;
};

/** `POST /api/accounts`. */
export type NewAccount = {
  /** The requested name. */
  name: string;
  /** The new password. */
  password: string;
  /** The token of an invite; or */
  invite?: string;
  /** the set-up token, for the first account. */
  setup?: string;
};

/** `POST /api/session`. */
export type NewSession = {
  /** The account. */
  name: string;
  /** Its password. */
  password: string;
};

/** Response to `POST /api/session` and `POST /api/accounts`; without `token`, to `GET /api/session`. */
export type SessionResponse = {
  /** The account. */
  account: AccountName;
  /** May administer the installation. */
  admin: boolean;
  /** `alice@chat.example.org`, for connecting remoteStorage apps. */
  user_address: string;
  /** The storage root, without a trailing slash. */
  storage: string;
  /** Where chat archives are stored, if not there. */
  archive?: ArchiveView;
  /** Bearer token for `/api`. */
  token?: string;
  /** When the token expires. */
  expires?: Timestamp;
};

/** What a grant is for. */
export type GrantKind = "session" | "app" | "irc" | "consent";

/** `POST /api/grants`: a token for an app or an IRC client. */
export type NewGrant = {
  /** `app` or `irc`. */
  kind: GrantKind;
  /** Who holds it: an origin or a label. */
  client: string;
  /** Its permissions; required for `app`, absent for `irc`. */
  scopes?: Scopes;
  /** Whether it is bound to the requesting session and ends with it, like the web client's own tokens. */
  with_session?: boolean;
};

/** A grant. */
export type GrantView = {
  /** Its id. */
  id: string;
  /** What it is for. */
  kind: GrantKind;
  /** Who holds it: an origin or a label. */
  client: string;
  /** Its permissions. */
  scopes?: Scopes;
  /** When it was created. */
  created: Timestamp;
  /** When it expires, if ever. */
  expires?: Timestamp;
  /** Whether it is the session of this request. */
  current: boolean;
  /**
   * Whether the server created it, for the account's connection to the server's own network. Revoking it means
   * replacing it: the connection gets a new one.
   */
  managed: boolean;
  /** The token; only when it was just created. */
  token?: string;
};

/** The outcome of a mail. */
export type MailResult = "sent" | "undeliverable" | "failed";

/** An invite. */
export type InviteView = {
  /** Its id. */
  id: string;
  /** Who sent the invite. */
  inviter: AccountName;
  /** When it was created. */
  created: Timestamp;
  /** When it expires. */
  expires: Timestamp;
  /** Who used it. */
  used_by?: AccountName;
  /** The address it was mailed to. */
  email?: EmailAddress;
  /** The outcome of the mail; absent while it is unknown. */
  mail?: MailResult;
  /** Why it was not sent, in one sentence. */
  mail_problem?: string;
  /** The token; only when it was just created. */
  token?: string;
};

/** Response to `GET /api/invites/<token>`. */
export type InviteAbout = {
  /** Who sent the invite. */
  inviter: AccountName;
  /** When it expires. */
  expires: Timestamp;
};

/** A connector that the account may use. */
export type ConnectorAddress = {
  /** The connector's id. */
  id: string;
  /** Origin of its Sockethub server, `https://irc.example.org`; the path is `/sockethub`. */
  url: string;
  /** Its platforms, `irc`. */
  platforms: Array<string>;
  /** The ticket for it. */
  ticket: string;
};

/** Response to `POST /api/tickets`. */
export type TicketResponse = {
  /** One entry per connector. */
  connectors: Array<ConnectorAddress>;
  /** When the tickets expire. */
  expires: Timestamp;
};

/** A network's case mapping; on IRC the ISUPPORT token CASEMAPPING. */
export type Folding = "ascii" | "rfc1459" | "rfc1459-strict" | "exact";

/** How names of persons and channels compare. */
export type Names = {
  /** The default until the network announces another one. */
  compare: Folding;
  /** Which characters may occur within a name besides letters and digits: in a text they do not end one. */
  inside: string;
};

/** How a name reveals what it refers to: each is a set of characters. */
export type Conversations = {
  /** The prefixes of channel names; empty if channels cannot be recognised by their names. */
  channels: string;
  /** The prefix that people may omit; empty if there is none. */
  usual: string;
  /** What may precede a channel's name, to address only those members who have that rank. */
  parts: string;
  /** Characters that only occur in names of servers. */
  servers: string;
};

/** The type of a field. */
export type FieldKind = "text" | "word" | "own-name" | "host" | "port" | "secret" | "flag" | "channels";

/** Another default while a flag is off. */
export type Unless = {
  /** The name of the flag's field. */
  flag: string;
  /** The default while it is off. */
  default: string | number | boolean;
};

/**
 * A field of a connection.
 *
 * `host`, `port` and `username` determine where a connection leads and as whom: no two connections of an account have
 * all three in common. `name`, the network's name for people, is a field of every platform and is not described.
 */
export type ConnectionField = {
  /** Its key in the record and in the API, `^[a-z0-9_]{1,64}$`. */
  name: string;
  /** The type of its value. */
  kind: FieldKind;
  /** Its name for people. */
  label: string;
  /** One sentence below it. */
  hint?: string;
  /** An example. */
  placeholder?: string;
  /** Whether a connection must have it. */
  required?: boolean;
  /** Its length limit in bytes (for a text: characters; for channels: their number), 200 if absent. */
  limit?: number;
  /** Its default. */
  default?: string | number | boolean;
  /** When there is another default. */
  unless?: Unless;
  /** Characters that it must not contain. */
  without?: string;
  /** Characters with which it must not begin. */
  begins_without?: string;
  /** A description of valid values, for error messages. */
  expected?: string;
  /** Flags that a form sets as well if this is given. */
  implies?: Array<string>;
  /** Whether it is accepted but not shown in a form. */
  unasked?: boolean;
};

/** A feature of a platform. Others are not offered on it, and requests for them are refused. */
export type Feature = "calls" | "channels" | "deletion" | "edits" | "history" | "reactions" | "replies" | "roles" | "services" | "topics" | "typing" | "uploads" | "unknown";

/** A kind of network. */
export type PlatformDescriptor = {
  /** Its id, `^[a-z0-9-]{1,64}$`: the platform of connections, and a part of `@context`. */
  id: string;
  /** Its name for people. */
  label: string;
  /** How names compare. */
  names: Names;
  /** How names reveal what they refer to. */
  conversations: Conversations;
  /** The scheme of its addresses, `irc` in `irc://server/channel`; absent if it has none. */
  scheme?: string;
  /** The fields of a connection, in the order of the form. */
  fields: Array<ConnectionField>;
  /** The supported features. */
  supports: Array<Feature>;
};

/** The kind of a connector, which determines what its key permits. */
export type ConnectorKind = "gateway" | "ircd" | "smtp";

/** Body of `POST /api/connectors`. */
export type NewConnector = {
  /** Its kind. The former word `irc` means a gateway. */
  kind: ConnectorKind;
  /** For a gateway, its platform; `irc` if absent. */
  platform?: string;
  /** Its id, `^[a-z0-9-]{1,32}$`; derived from the platform or the kind if absent. */
  id?: string;
  /**
   * Where it will be reached: by browsers, an origin; for an IRC server, `irc://host:port` or `ircs://host:port`;
   * for a mail connector, `smtp://` and the domain of its addresses.
   */
  url?: string;
};

/** The state of a connector. */
export type ConnectorState = "configured" | "waiting" | "registered" | "silent";

/** One connector in responses of `/api/connectors`. */
export type ConnectorView = {
  /** Its id. */
  id: string;
  /** Its kind; empty for configured ones. */
  kind: string;
  /** Its state. */
  state: ConnectorState;
  /** Its latest registration. */
  registration: Registration;
  /** When it was created. */
  created?: Timestamp;
  /** When it last registered, to within ten minutes. */
  seen?: Timestamp;
  /** Its key in hexadecimal; only when it was just created. */
  key?: string;
  /** The command that starts it, including the key; only when that was just created. */
  command?: string;
};

/** Body of `POST /connector/register`: a connector announces its address and capabilities. */
export type Registration = {
  /** Origin of its Sockethub server as browsers reach it; absent if it serves no browsers. */
  url?: string;
  /** Platforms it serves, `irc`. */
  platforms: Array<string>;
  /** Their descriptors; the default platform without one has `DEFAULT_DESCRIPTOR`. */
  descriptors?: Array<PlatformDescriptor>;
  /** The program's version. */
  version: string;
  /** Its private network, if it is an IRC server. */
  network?: NetworkInfo;
  /** The mail that it receives and sends. */
  mail?: MailInfo;
};

/** A private IRC network, for other connectors. */
export type NetworkInfo = {
  /** Its name for people. */
  name: string;
  /** The server's name in ids and archives. */
  server: string;
  /** Host that connectors dial. */
  host: string;
  /** Port that connectors dial. */
  port: number;
  /** Whether to use TLS. */
  secure: boolean;
  /** Channels that new accounts join. */
  channels: Array<string>;
};

/** The capabilities of a mail connector, for [`crate::Registration`]. */
export type MailInfo = {
  /** The mail domain of channels' addresses, lower case. */
  domain: string;
  /** Whether it also sends mail. */
  sends: boolean;
};

/** An address by which mail reaches a channel. */
export type MailAddressView = {
  /** Its id. */
  id: string;
  /** The address. */
  address: string;
  /** The connection over which the channel is reached. */
  connection: string;
  /** The channel. */
  channel: string;
  /** When it was created. */
  created: Timestamp;
};

/** Response to `/api/notifications`: where missed mentions are mailed to. */
export type NotificationsView = {
  /** Whether this installation sends mail at all. */
  available: boolean;
  /** The address, if there is one. */
  email: EmailAddress | null;
  /** Whether its owner has confirmed it. */
  confirmed: boolean;
  /** Whether mail is wanted. */
  enabled: boolean;
  /** How many minutes a message waits to be read. */
  minutes: number;
  /** The mail server's reason for refusing the address. */
  undeliverable: string | null;
};

/** The state of writing archives to an external storage. */
export type ArchiveState = "ok" | "unreachable" | "full" | "renew";

/** An external storage as the API shows it, without its token. */
export type ArchiveView = {
  /** The user's address there. */
  user_address: string;
  /** The storage's address. */
  root: string;
  /** The page on which the user authorises apps. */
  authorize?: string;
  /** The current state of writing there. */
  state: ArchiveState;
  /** What is wrong, if anything, in one sentence. */
  reason?: string;
  /** The time of the last change of the state. */
  since: Timestamp;
  /** When the user connected it. */
  connected: Timestamp;
};

/** `PUT /api/archive`. */
export type NewArchivePlace = {
  /** The user's address, `alice@example.org`. */
  user_address: string;
  /** The storage as discovered by the client; it must match the server's WebFinger response. */
  root?: string;
  /** A bearer token with the scope `chat-messages:rw`. */
  token: string;
};

/** Response to `GET /api/archive/token`. */
export type ArchiveToken = {
  /** The storage's address, without a trailing slash. */
  root: string;
  /** The bearer token. */
  token: string;
};

/** Where the documents of an account are stored, without the secret. */
export type PlaceView = { "kind": "installation" } | { "kind": "bucket",
  /** Address of the S3 server, if it is not Amazon's. */
  endpoint: string | null;
  /** Its region. */
  region: string;
  /** Its name. */
  bucket: string;
  /** The prefix of all keys. */
  prefix: string;
  /** Whether the bucket is in the path instead of the host name. */
  path_style: boolean;
  /** Id of the access key. */
  access_key_id: string;
};

/** The phase of a move. */
export type MovePhase = "copying" | "closed" | "marked";

/** A move that is under way. */
export type MoveView = {
  /** The target. */
  to: PlaceView;
  /** Its phase. */
  phase: MovePhase;
  /** Objects copied so far. */
  objects: number;
  /** Their bytes. */
  bytes: number;
  /** When it started. */
  started: Timestamp;
};

/** Response to `/api/store`. */
export type StoreView = {
  /** Where the documents are stored. */
  place: PlaceView;
  /** The move that is under way. */
  moving?: MoveView;
  /** Where copies are left that are no longer used. */
  left: Array<PlaceView>;
  /** Whether this installation can use accounts' own buckets. */
  available: boolean;
};

/** Response to `POST /api/store/test`. */
export type StoreTested = {
  /** Whether the bucket can be used. */
  works: boolean;
  /** Why, or why not, in one sentence. */
  detail: string;
};

/** Response to `GET /api/store/kept`: the retained overwritten and deleted documents. */
export type KeptView = {
  /** The number of versions. */
  versions: number;
  /** Their bytes. */
  bytes: number;
  /** The limit in bytes. */
  most_bytes: number;
  /** How many days they are retained. */
  days: number;
};

/** Response to `POST /api/calls`. */
export type CallLink = {
  /** The call's id. */
  id: string;
  /** The token in its link. */
  token: string;
  /** The link with the token. */
  link: string;
  /** Whether people without an account may join. */
  guests: boolean;
  /** When the link expires. */
  expires: Timestamp;
};

/** Response to `GET /api/calls/<token>`: describes the call of a link. */
export type CallAbout = {
  /** Who started it. */
  account: AccountName;
  /** Where its link was posted, for people: `#general`. */
  target: string;
  /** Whether people without an account may join. */
  guests: boolean;
  /** When the link expires. */
  expires: Timestamp;
};

/** One of `RTCConfiguration.iceServers`. */
export type IceServer = {
  /** Its addresses. */
  urls: Array<string>;
  /** The user name. */
  username: string;
  /** The password. */
  credential: string;
};

/** Response to `POST /api/calls/<token>`: how to take part. */
export type CallAdmission = {
  /** The participant's display name. */
  name: string;
  /** Whether the participant is a guest. */
  guest: boolean;
  /** Whether the participant may remove others. */
  moderator: boolean;
  /** The device's id in the call. */
  peer: string;
  /** Origin of the connector that carries the signalling. */
  url: string;
  /** The ticket for it. */
  ticket: string;
  /** The TURN servers, if there are any. */
  ice_servers: Array<IceServer>;
  /** How many seconds these are valid; after that, participants request new ones. */
  ice_ttl: number;
  /** When the ticket expires. */
  expires: Timestamp;
};

/** The descriptor of a platform that has not registered one. */
export const DEFAULT_DESCRIPTOR: PlatformDescriptor = {
  "id": "irc",
  "label": "IRC",
  "names": { "compare": "rfc1459", "inside": "_-[]{}\\|^`" },
  "conversations": { "channels": "#&+!", "usual": "#", "parts": "@%~", "servers": "." },
  "scheme": "irc",
  "fields": [
    {
      "name": "host", "kind": "host", "label": "Host", "placeholder": "irc.libera.chat", "required": true
    },
    {
      "name": "port", "kind": "port", "label": "Port", "default": 6697, "unless": { "flag": "secure", "default": 6667 }
    },
    {
      "name": "secure", "kind": "flag", "label": "Encrypted connection (TLS)", "default": true
    },
    {
      "name": "nick", "kind": "own-name", "label": "Nickname", "limit": 64,
      "without": ",*?!@.", "begins_without": "#&+!$:-@~%0123456789",
      "expected": "a nickname takes letters, digits and -_[]{}\\|^`, begins with none of the digits and has no spaces"
    },
    {
      "name": "password", "kind": "secret", "label": "Password", "limit": 300,
      "hint": "If your nickname is registered there.", "implies": ["sasl"]
    },
    {
      "name": "username", "kind": "word", "label": "User name", "limit": 128, "begins_without": ":@", "unasked": true,
      "expected": "it has at most 128 bytes and no spaces, like alice or, for a bouncer, alice/network@client"
    },
    {
      "name": "realname", "kind": "text", "label": "Real name", "limit": 200, "unasked": true
    },
    {
      "name": "sasl", "kind": "flag", "label": "Sign in with SASL", "default": true, "unasked": true
    },
    {
      "name": "without_account", "kind": "flag", "default": false,
      "label": "Join the channels even while the network offers no sign-in",
      "hint": "With a password, your channels wait until the network has signed you in. With this they do not: others may meet you there without your account. A password that is refused ends the attempt either way."
    },
    {
      "name": "channels", "kind": "channels", "label": "Channels", "limit": 200, "placeholder": "#channel, #another",
      "hint": "Joined whenever it connects; separated by commas.",
      "expected": "a channel begins with # (or &, + or !) and has no spaces or commas"
    }
  ],
  "supports": ["calls", "channels", "history", "roles", "services", "topics"]
};
