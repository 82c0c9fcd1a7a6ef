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

/** Response to `GET /api/grants`. */
export type GrantList = {
  /** What is valid, the oldest first. */
  grants: Array<GrantView>;
};

/** `PUT /api/password`. */
export type NewPassword = {
  /** The one that holds. */
  old: string;
  /** The one wanted. */
  new: string;
};

/** The outcome of a mail. */
export type MailResult = "sent" | "undeliverable" | "failed";

/** `POST /api/invites`; the body may be absent. */
export type NewInvite = {
  /** Whom the link is mailed to. */
  email?: string;
};

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

/** Response to `GET /api/invites`. */
export type InviteList = {
  /** The account's own, of an admin all; the oldest first. */
  invites: Array<InviteView>;
  /** Whether this installation can mail them. */
  mail: boolean;
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
export type FieldKind = "text" | "word" | "own-name" | "host" | "port" | "secret" | "secret-lines" | "flag" | "channels";

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
  /** The only values that a word may have; any if there are none. */
  choices?: Array<string>;
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

/**
 * `POST /api/connections`: beside these, the fields that the platform's descriptor has.
 *
 * `PATCH /api/connections/<id>` takes some of them, and `enabled`: what is absent stays.
 */
export type NewConnection = { platform: string; name?: string; [field: string]: unknown };

/** A connection, without its password. Other secrets are `true` if they are set. */
export type ConnectionView = {
  /** Whether it has a password. */
  has_password: boolean;
  /** Leads to the server's own network: the server says where that is, and it cannot be removed. */
  managed: boolean;
  /** Version of this record's format: 1. */
  version: number;
  /** The connection's id within the account. */
  id: string;
  /** The id of the platform. */
  platform: string;
  /** The network's name for people. */
  name: string;
  /**
   * The server as it appears in ids and archives: `nick@server`. Unique within an account
   * for one nick; usually the host.
   */
  server: string;
  /** The account's preferred nickname there. */
  nick: string;
  /** Channels to join, each optionally followed by a space and its key. */
  channels: Array<string>;
  /** Whether it should be connected. */
  enabled: boolean;
  /** The connector that maintains it. */
  connector: string;
  /** When it was created. */
  created: Timestamp;
};

/** Response to `GET /api/connections`. */
export type ConnectionList = {
  /** The account's connections, the oldest first. */
  connections: Array<ConnectionView>;
  /** What more of them can be made to. */
  platforms: Array<PlatformDescriptor>;
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

/** `PATCH /api/connectors/<id>`. */
export type ConnectorChange = {
  /** Makes a new key; the old one stops working. */
  rotate: boolean;
  /** As in [`crate::NewConnector`]. */
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

/** Response to `GET /api/connectors`. */
export type ConnectorList = {
  /** Those of the configuration, then those that an admin made. */
  connectors: Array<ConnectorView>;
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

/** `POST /api/addresses`. */
export type NewMailAddress = {
  /** The connection over which the channel is reached. */
  connection: string;
  /** The channel. */
  channel: string;
  /** Mail for `postmaster` goes to this channel from now on; for admins. */
  postmaster?: boolean;
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

/** Response to `GET /api/addresses`. */
export type MailAddressList = {
  /** The domain of all of them; `null` if this installation takes no mail. */
  domain: string | null;
  /** The account's addresses, the oldest first. */
  addresses: Array<MailAddressView>;
};

/** The results of SPF, DKIM and DMARC: `pass`, `fail`, `none` and so on, in the terms of RFC 8601. */
export type MailChecks = {
  /** Whether the domain of the author's address is authenticated. */
  verified: boolean;
  /** SPF, RFC 7208. */
  spf: string;
  /** DKIM, RFC 6376. */
  dkim: string;
  /** DMARC, RFC 7489. */
  dmarc: string;
};

/** An attachment. */
export type MailFile = {
  /** Its name, from the mail. */
  name: string;
  /** Its media type. */
  type: string;
  /** Its length in bytes. */
  size: number;
  /** Name of the document, next to the mail. */
  document: string;
};

/** Body of `POST /connector/mail`: a mail whose documents are stored, to be announced in its channel. */
export type MailArrival = {
  /** The mail's id; the same when it is delivered again. `^[a-z0-9]{16,64}$`. */
  id: string;
  /** The address it was sent to. */
  address: string;
  /** When it was received; the same when it is delivered again. */
  received: Timestamp;
  /** The envelope's sender; empty for notifications. */
  sender: string;
  /** Its author, `Alice <alice@example.org>`, from its header. */
  from: string;
  /** Its recipients, from its header. */
  to: string;
  /** Its subject. */
  subject: string;
  /** When it was written, from its header. */
  date?: Timestamp;
  /** Its text; at most [`MAX_MAIL_TEXT`] bytes. */
  text: string;
  /** What is known about its sender. */
  checks: MailChecks;
  /** Its attachments, stored next to it. */
  attachments: Array<MailFile>;
  /** Length of the mail in bytes. */
  size: number;
};

/** `PUT /api/notifications`. */
export type NewNotifications = {
  /** The address; none to get no mail. */
  email?: string | null;
  /** Whether mail is wanted; yes if absent. */
  enabled?: boolean;
  /** How long a message waits to be read; a quarter of an hour if absent. */
  minutes?: number;
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

/** Response to `GET /api/archive`. */
export type ArchiveAnswer = {
  /** The external storage of the archives; `null` if they are kept here. */
  archive: ArchiveView | null;
};

/** Response to `GET /api/archive/discovery?address=…`: a storage that was found. */
export type ArchiveFound = {
  /** `alice@example.org`. */
  user_address: string;
  /** The storage's address without a slash at the end. */
  root: string;
  /** Where the user authorises apps; `null` if it does not say. */
  authorize: string | null;
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

/** What an entry of an archive is. */
export type MessageType = "text" | "action" | "join" | "leave" | "notice" | "topic" | "nick" | "reaction" | "edit" | "deletion";

/** A bucket and the credentials for it, as a user names it. The secret does not appear in `Debug`. */
export type NewBucket = {
  /** Address of the S3 server, if it is not Amazon's. */
  endpoint?: string | null;
  /** Its region; `us-east-1` if there is an endpoint and no region. */
  region?: string | null;
  /** Its name. */
  bucket: string;
  /** What all keys begin with; a `/` follows. */
  prefix?: string;
  /** Whether the bucket is in the path instead of the host name; by default if there is an endpoint. */
  path_style?: boolean | null;
  /** Id of the access key. */
  access_key_id: string;
  /** Its secret; empty to keep the one that is known. */
  secret_access_key?: string;
};

/** `PUT /api/store`: where the documents are to go. */
export type NewPlace = { "kind": "installation" } | { "kind": "bucket" } & NewBucket;

/** Where the documents of an account are, without the secret. */
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

/** `POST /api/calls`. */
export type NewCall = {
  /** Where the link is to be said, for people: `#general`. */
  target: string;
  /** Whether people without an account may join. */
  guests: boolean;
  /** The connection over which the link is to be said; clients from before name none. */
  connection: string;
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

/** `POST /api/calls/<token>`; the body may be absent. */
export type NewAdmission = {
  /** What a guest wants to be called. */
  name?: string;
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

/** The services whose requests are understood. */
export type HookSource = "github" | "gitlab" | "gitea" | "slack" | "kosmos" | "alertmanager" | "grafana" | "uptimekuma" | "uptimerobot" | "sms" | "json";

/**
 * Patterns of events (`push`, `issues.*`, `-star`) and of branches (`main`, `release/*`, `-wip/*`).
 *
 * `*` stands for any characters, `?` for one; a `-` before a pattern excludes. Without a pattern that includes,
 * everything that is said by default is included; what is not (labels, successful builds) is said if a pattern
 * includes it.
 */
export type HookFilter = {
  /** Patterns of events. */
  events?: Array<string>;
  /** Patterns of branches. */
  branches?: Array<string>;
};

/**
 * From one time of the day to another, which may be on the next day. Messages that arrive meanwhile are dropped; they are in
 * the list of deliveries and can be said later from there.
 */
export type QuietHours = {
  /** The first minute, `22:00`. */
  from: string;
  /** The first minute after, `07:00`. */
  to: string;
  /** Minutes that the clock is ahead of UTC. */
  offset: number;
};

/** What the owner of a hook decides. */
export type HookOptions = {
  /** Which events are said. */
  filter: HookFilter;
  /** When nothing is said. */
  quiet_hours?: QuietHours;
  /** `@channel` and the like stay what they are. */
  mention_everybody: boolean;
  /** As notices. */
  notice: boolean;
  /** The template of a generic hook. */
  template?: string;
};

/** What became of a delivery. */
export type HookOutcome = { "outcome": "queued" } | { "outcome": "delivered",
  /** When. */
  at: Timestamp;
} | { "outcome": "refused",
  /** Why, one sentence. */
  reason: string;
} | { "outcome": "ignored",
  /** Why, one sentence. */
  reason: string;
};

/** One request of a service and its outcome. */
export type HookDelivery = {
  /** Its id. */
  id: string;
  /** When it came. */
  time: Timestamp;
  /** What happened, as the service says. */
  event: string;
  /** What is said of it. */
  lines: Array<string>;
  /** The delivery whose lines are said again. */
  again?: string;
} & ({ "outcome": "queued" } | { "outcome": "delivered",
  /** When. */
  at: Timestamp;
} | { "outcome": "refused",
  /** Why, one sentence. */
  reason: string;
} | { "outcome": "ignored",
  /** Why, one sentence. */
  reason: string;
});

/** A hook. */
export type HookView = {
  /** Its id. */
  id: string;
  /** Who sends. */
  source: HookSource;
  /** What its owner calls it. */
  name: string;
  /** Over which connection it speaks. */
  connection: string;
  /** Where it speaks. */
  channel: string;
  /** Whether it is on. */
  enabled: boolean;
  /** When it was made. */
  created: Timestamp;
  /** Whether the service proves that it is the service. */
  has_secret: boolean;
  /** The address for the service, with the token; only when it has just been made. */
  url?: string;
  /** The secret for the service; only when it has just been generated. */
  secret?: string;
  /** The latest deliveries, the last first; only in the answer to `GET /api/hooks/<id>`. */
  deliveries?: Array<HookDelivery>;
  /** Which events are said. */
  filter: HookFilter;
  /** When nothing is said. */
  quiet_hours?: QuietHours;
  /** `@channel` and the like stay what they are. */
  mention_everybody: boolean;
  /** As notices. */
  notice: boolean;
  /** The template of a generic hook. */
  template?: string;
};

/** Response to `GET /api/hooks`. */
export type HookList = {
  /** The account's hooks, the oldest first. */
  hooks: Array<HookView>;
};

/** Body of `POST /api/hooks`. */
export type NewHook = {
  /** Who sends. */
  source: HookSource;
  /** The connection over which it is to speak. */
  connection: string;
  /** The channel in which it is to speak. */
  channel: string;
  /** What its owner calls it; the name of the source if absent. */
  name?: string;
  /** What the service proves with that it is the service. Absent: generated if the service supports one; `null`: none. */
  secret?: string | null;
  /** Which events are said. */
  filter?: HookFilter;
  /** When nothing is said. */
  quiet_hours?: QuietHours | null;
  /** `@channel` and the like stay what they are. */
  mention_everybody?: boolean;
  /** As notices. */
  notice?: boolean;
  /** The template of a generic hook. */
  template?: string | null;
};

/** Body of `PATCH /api/hooks/<id>`: what is absent stays; `null` takes away what may be absent. */
export type HookChanges = {
  /** What its owner calls it. */
  name?: string;
  /** Where it speaks. */
  channel?: string;
  /** Whether it is on. */
  enabled?: boolean;
  /** What the service proves with that it is the service. */
  secret?: string | null;
  /** Which events are said. */
  filter?: HookFilter;
  /** When nothing is said. */
  quiet_hours?: QuietHours | null;
  /** `@channel` and the like stay what they are. */
  mention_everybody?: boolean;
  /** As notices. */
  notice?: boolean;
  /** The template of a generic hook. */
  template?: string | null;
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
      "name": "client_certificate", "kind": "flag", "label": "Sign in with a certificate", "default": false,
      "hint": "It is made for this connection and kept here. Once you're signed in, it's added to your account there (NickServ CERT ADD). From then on it's tried before the password, which you may remove."
    },
    {
      "name": "server_password", "kind": "secret", "label": "Server password", "limit": 300,
      "hint": "Only for servers that let nobody in without one, and bouncers. Sent with PASS, besides the password above."
    },
    {
      "name": "commands", "kind": "secret-lines", "label": "Commands on connect", "limit": 400,
      "placeholder": "/msg NickServ IDENTIFY ...",
      "hint": "Up to 10, a line each, sent before channels are joined: /msg and /mode, or a line as IRC has it. Stored encrypted and not shown again."
    },
    {
      "name": "certificate", "kind": "word", "label": "Accepted certificate", "limit": 64, "unasked": true,
      "expected": "it is the SHA-256 fingerprint of a certificate, 64 hexadecimal digits"
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
      "name": "address_family", "kind": "word", "label": "Address family", "choices": ["ipv4", "ipv6"], "placeholder": "What works",
      "hint": "Which addresses of the server are used.", "expected": "it is ipv4 or ipv6"
    },
    {
      "name": "encoding", "kind": "word", "label": "Encoding", "limit": 40, "placeholder": "utf-8",
      "hint": "Only for networks where people write another one, such as windows-1251 or shift_jis."
    },
    {
      "name": "channels", "kind": "channels", "label": "Channels", "limit": 200, "placeholder": "#channel, #another",
      "hint": "Joined whenever it connects; separated by commas.",
      "expected": "a channel begins with # (or &, + or !) and has no spaces or commas"
    }
  ],
  "supports": ["calls", "channels", "deletion", "history", "reactions", "replies", "roles", "services", "topics", "typing"]
};
