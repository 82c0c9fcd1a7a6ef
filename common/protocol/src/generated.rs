//! The web client's types, generated from this package. With `SUBSPACE_GENERATE=write` (`cargo xtask generate`) the
//! file is written, otherwise it is compared.

use std::fmt::Write as _;
use std::path::Path;

use ts_rs::{Config, TS};

use crate::*;

const FILE: &str = "static-client/app/lib/protocol.ts";
/// What goes over Socket.IO instead of HTTP, about conversations,
const ACTIVITIES: &str = "static-client/app/lib/protocol-activities.ts";
/// and about calls.
const CALLS: &str = "static-client/app/lib/protocol-calls.ts";

fn declare<T: TS>(out: &mut String) {
    // Integers are below 2^53 wherever they are counted.
    let config = Config::new().with_large_int("number");
    let text = format!(
        "{}export {}",
        T::docs().unwrap_or_default(),
        T::decl(&config)
    );
    out.push('\n');
    tidy(&text, out);
}

/// Formats a declaration as people would: one-line comments on one line, each field on its own line.
fn tidy(text: &str, out: &mut String) {
    let mut indent = "";
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "/**" {
            let comment: Vec<&str> = lines.by_ref().take_while(|line| *line != "*/").collect();
            if let [one] = comment[..] {
                let _ = writeln!(out, "{indent}/** {} */", one.trim_start_matches("* "));
            } else {
                let _ = writeln!(out, "{indent}/**");
                for line in comment {
                    let _ = writeln!(out, "{indent} {line}");
                }
                let _ = writeln!(out, "{indent} */");
            }
        } else if let Some((last, union)) = line.split_once(", } & (") {
            // A tagged union that is flattened into a struct.
            let _ = writeln!(out, "{indent}{last};\n}} & ({union}");
        } else if let Some((last, next)) = line.split_once(", } | {") {
            let _ = writeln!(out, "{indent}{last};\n}} | {{{next}");
        } else if let Some(last) = line.strip_suffix(", });") {
            let _ = writeln!(out, "{indent}{last};\n}});");
        } else if let Some(last) = line.strip_suffix(", };") {
            let _ = writeln!(out, "{indent}{last};\n}};");
        } else if line.starts_with("export ") {
            // Each member of a long union gets a line.
            let line = match line.len() {
                0..=120 => line.to_owned(),
                _ => line.replace(" | {", "\n  | {"),
            };
            let _ = writeln!(out, "{line}");
            indent = "  ";
        } else {
            let field = line.strip_suffix(',').unwrap_or(line);
            let _ = writeln!(out, "{indent}{field};");
        }
    }
}

macro_rules! declare_all {
    ($($name:ident),* $(,)?) => {{
        let mut out = String::from(
            "// Written by `cargo xtask generate` from common/protocol; not to be edited.\n",
        );
        $(declare::<$name>(&mut out);)*
        out
    }};
}

#[test]
fn the_client_has_the_types_that_are_spoken() {
    let expected = declare_all![
        AccountName,
        EmailAddress,
        Scopes,
        Timestamp,
        Problem,
        ServerInfo,
        NewAccount,
        NewSession,
        SessionResponse,
        GrantKind,
        NewGrant,
        GrantView,
        GrantList,
        NewPassword,
        MailResult,
        NewInvite,
        InviteView,
        InviteList,
        InviteAbout,
        ConnectorAddress,
        TicketResponse,
        Folding,
        Names,
        Conversations,
        FieldKind,
        Unless,
        ConnectionField,
        Feature,
        PlatformDescriptor,
        NewConnection,
        ConnectionView,
        ConnectionList,
        ConnectorKind,
        NewConnector,
        ConnectorChange,
        ConnectorState,
        ConnectorView,
        ConnectorList,
        Registration,
        NetworkInfo,
        MailInfo,
        NewMailAddress,
        MailAddressView,
        MailAddressList,
        MailChecks,
        MailFile,
        MailArrival,
        NewNotifications,
        NotificationsView,
        ArchiveState,
        ArchiveView,
        ArchiveAnswer,
        ArchiveFound,
        NewArchivePlace,
        ArchiveToken,
        MessageType,
        NewBucket,
        NewPlace,
        PlaceView,
        MovePhase,
        MoveView,
        StoreView,
        StoreTested,
        KeptView,
        NewCall,
        CallLink,
        CallAbout,
        NewAdmission,
        IceServer,
        CallAdmission,
        HookSource,
        HookFilter,
        QuietHours,
        HookOptions,
        HookOutcome,
        HookDelivery,
        HookView,
        HookList,
        NewHook,
        HookChanges,
    ];
    let default = DEFAULT_DESCRIPTOR.trim();
    let expected = format!(
        "{expected}\n/** The descriptor of a platform that has not registered one. */\n\
         export const DEFAULT_DESCRIPTOR: PlatformDescriptor = {default};\n"
    );
    settle(FILE, &expected);
}

#[test]
fn the_client_has_the_activities_that_are_spoken() {
    let declared = declare_all![
        Entity,
        TextObject,
        TopicObject,
        Show,
        PresenceObject,
        AddressObject,
        AttendanceObject,
        ConnectionStatus,
        ConnectionObject,
        RelationshipSubject,
        RelationshipObject,
        RoomObject,
        WhoisObject,
        ListedRoom,
        RoomsObject,
        CredentialsObject,
        AccountStatus,
        AccountObject,
        ReactionObject,
        ChatState,
        ChatStateObject,
        ActivityObject,
        Activity,
    ];
    let import = "\nimport type { Feature, Folding } from './protocol.ts';\n";
    let (head, rest) = declared.split_once('\n').unwrap();
    settle(ACTIVITIES, &format!("{head}\n{import}{rest}"));
}

#[test]
fn the_client_has_the_events_of_calls() {
    let declared = declare_all![
        CallMedia,
        CallPeer,
        CallWelcome,
        CallLeft,
        CallMediaChange,
        CallRefusal,
        SignalData,
        CallSignal,
    ];
    settle(CALLS, &declared);
}

/// Compares a file with what it should be, or writes it.
fn settle(name: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    if std::env::var("SUBSPACE_GENERATE").is_ok_and(|how| how == "write") {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is not what this package says; run `cargo xtask generate`"
    );
}
