//! Each layer overrides the one below, former names are accepted, and errors name their source.

use clap::Parser;
use options::{Json, List, Secret};

use super::*;

options::options! {
    /// A server, which other programs may have inside.
    #[derive(Clone, Debug)]
    pub(crate) struct Server {
        /// Where it listens.
        listen: String = "127.0.0.1:1", "ADDR", "an address";
        /// How many may come.
        most: u64 = "10", "COUNT", "a number";
        /// Whether it is open.
        open: bool = "false", "BOOL", "true or false";
        /// Who may come.
        guests: List<String>, "NAMES", "names";
        /// What opens it.
        password: Option<Secret>, "TEXT", "a password";
        /// Bytes of a name.
        limits_name: usize = "20", "BYTES", "a number";
        /// Rooms in it.
        rooms: Option<Json>, "JSON", "a list";
    }
}

options::options! {
    /// A program with a server inside.
    #[derive(Clone, Debug)]
    pub(crate) struct Whole {
        /// What people call it.
        name: Option<String>, "TEXT", "a name";
    }
    with {
        /// The server.
        server: Server, "server", except ["most"];
    }
}

options::options! {
    /// The server alone.
    #[derive(Clone, Debug)]
    pub(crate) struct Alone {}
    with {
        /// The server.
        server: Server, "server";
    }
}

impl Program for Whole {
    const NAME: &'static str = "whole";
    const RENAMED: &'static [Renamed] = &[
        Renamed::everywhere("server", "server_listen"),
        Renamed::file("server_address", "server_listen"),
        Renamed::variable("closed", "server_open").meaning(&[("true", "false"), ("false", "true")]),
    ];
}

impl Program for Alone {
    const NAME: &'static str = "alone";
    const OWN: &'static str = "server";
    const RENAMED: &'static [Renamed] =
        &[Renamed::flag("closed", "server_open").meaning(&[("true", "false"), ("false", "true")])];
}

#[derive(Debug, Parser)]
struct Cli<P: Program> {
    #[command(flatten)]
    given: Given<P>,
}

fn load<P: Program>(flags: &[&str], environment: &[(&str, &str)]) -> Result<Loaded<P>, String> {
    let flags = ["program"].iter().chain(flags);
    let cli = Cli::<P>::try_parse_from(flags).map_err(|error| error.to_string())?;
    let environment = |name: &str| {
        let found = environment.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let loaded = cli.given.load_from(&environment);
    loaded.map_err(|error| error.to_string())
}

/// Loads with a file, whose path is removed from the messages.
fn with_file<P: Program>(
    text: &str,
    flags: &[&str],
    environment: &[(&str, &str)],
) -> Result<Loaded<P>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    let mut flags = flags.to_vec();
    flags.extend(["--config", &path]);
    let short = |text: String| text.replace(&path, "x.toml");
    let loaded = load::<P>(&flags, environment).map_err(short)?;
    let warnings = loaded.warnings.into_iter().map(short).collect();
    Ok(Loaded { warnings, ..loaded })
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory;
    Cli::<Whole>::command().debug_assert();
    Cli::<Alone>::command().debug_assert();
    let help = Cli::<Alone>::command().render_long_help().to_string();
    assert!(help.contains("--listen <ADDR>") && help.contains("SUBSPACE_SERVER_LISTEN"));
    assert!(!help.contains("--password ") && help.contains("--password-file"));
    assert!(!help.contains("--closed"), "{help}");
}

#[test]
fn each_layer_beats_the_one_below() {
    let most = |file: &str, flags: &[&str], environment: &[(&str, &str)]| {
        let loaded = with_file::<Alone>(file, flags, environment).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        loaded.options.server.most
    };
    let variable = [("SUBSPACE_SERVER_MOST", "3")];
    assert_eq!(most("", &[], &[]), 10);
    assert_eq!(most("most = 2", &[], &[]), 2);
    assert_eq!(most("most = 2", &[], &variable), 3);
    assert_eq!(most("most = 2", &["--most", "4"], &variable), 4);
    assert_eq!(most("most = 2", &[], &[("SUBSPACE_SERVER_MOST", " ")]), 2);
}

#[test]
fn the_file_itself_is_named_by_a_flag_or_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, "most = 2\nlog = \"warn\"\n").unwrap();
    let variable = [("SUBSPACE_SERVER_CONFIG", path.to_str().unwrap())];
    let loaded = load::<Alone>(&[], &variable).unwrap();
    assert_eq!(loaded.options.server.most, 2);
    assert_eq!(loaded.log.as_deref(), Some("warn"));
    let missing = load::<Whole>(&["--config", "gone.toml"], &[]).unwrap_err();
    assert!(
        missing.starts_with("config: cannot read gone.toml"),
        "{missing}"
    );
}

#[test]
fn keys_that_begin_alike_can_be_a_table() {
    for text in [
        "server-listen = \"a\"\nserver-limits-name = 5\nserver-guests = \"b,c\"",
        "[server]\nlisten = \"a\"\nlimits-name = 5\nguests = [\"b\", \"c\"]",
        "server.listen = \"a\"\nserver.limits.name = 5\nserver.guests = [\"b\", \"c\"]",
    ] {
        let loaded = with_file::<Whole>(text, &[], &[]).unwrap();
        let server = loaded.options.server;
        assert_eq!((server.listen.as_str(), server.limits_name), ("a", 5));
        assert_eq!(server.guests.0, ["b", "c"]);
        assert!(loaded.warnings.is_empty());
    }
    let rooms = "[[rooms]]\nname = \"a\"";
    let loaded = with_file::<Alone>(rooms, &[], &[]).unwrap();
    let rooms = loaded.options.server.rooms.unwrap();
    assert_eq!(rooms.0, "[{\"name\":\"a\"}]");
}

#[test]
fn flags_repeat_and_switches_need_no_value() {
    let server = |flags: &[&str]| load::<Alone>(flags, &[]).unwrap().options.server;
    assert_eq!(
        server(&["--guests", "a", "--guests", "b,c"]).guests.0,
        ["a", "b", "c"]
    );
    assert!(server(&["--open"]).open);
    assert!(!server(&["--open", "false"]).open);
    assert!(!server(&["--closed"]).open && server(&["--closed", "false"]).open);
}

#[test]
fn old_names_are_taken_with_a_warning() {
    let warned = |file: &str, flags: &[&str], environment: &[(&str, &str)]| {
        let loaded = with_file::<Whole>(file, flags, environment).unwrap();
        (loaded.options.server, loaded.warnings.join("; "))
    };
    let (server, said) = warned("server = \"a\"", &[], &[]);
    assert_eq!(server.listen, "a");
    assert_eq!(
        said,
        "server in x.toml is now called server-listen; the old name still works"
    );
    let (server, said) = warned("[server]\naddress = \"a\"", &[], &[]);
    assert_eq!(server.listen, "a");
    assert!(said.contains("server-address in x.toml"), "{said}");
    let (server, said) = warned("", &["--server", "b"], &[]);
    assert_eq!(server.listen, "b");
    assert!(said.starts_with("--server is now called --server-listen"));
    let (server, said) = warned("", &[], &[("SUBSPACE_CLOSED", "false")]);
    assert!(server.open);
    assert!(said.starts_with("SUBSPACE_CLOSED is now called SUBSPACE_SERVER_OPEN"));
    let (server, said) = warned("server_limits_name = 3", &[], &[]);
    assert_eq!(server.limits_name, 3);
    assert!(said.contains("server_limits_name in x.toml is now called server-limits-name"));
    // A former name in a stronger layer overrides a new one in a weaker layer.
    let (server, _) = warned("server-listen = \"a\"", &["--server", "b"], &[]);
    assert_eq!(server.listen, "b");
}

#[test]
fn what_is_wrong_is_named_with_its_source() {
    let wrong = |file: &str, flags: &[&str], environment: &[(&str, &str)]| {
        with_file::<Alone>(file, flags, environment).unwrap_err()
    };
    assert_eq!(
        wrong("mosd = 3", &[], &[]),
        "config: x.toml has the key mosd in line 1, which is unknown; the nearest known one is most"
    );
    assert!(
        wrong("[limit]\nname = 3", &[], &[]).contains("the key limit in line 1, which is unknown")
    );
    assert!(
        wrong("[limits]\nnames = 3", &[], &[]).contains("limits.names in line 2, which is unknown")
    );
    assert_eq!(
        wrong("most = \"3\"", &[], &[]),
        "most: found a text, expected a number (in x.toml, line 1)"
    );
    assert!(wrong("most = ", &[], &[]).starts_with("config: x.toml is wrong: "));
    let twice = wrong("most = 3\n\nmost = 4", &[], &[]);
    assert!(twice.ends_with(" (line 3, at most)"), "{twice}");
    assert_eq!(
        wrong("most = -3", &[], &[]),
        "most: found \"-3\", expected a number (from most in x.toml, line 1)"
    );
    assert_eq!(
        wrong("", &["--most", "many"], &[]),
        "most: found \"many\", expected a number (from --most)"
    );
    assert_eq!(
        wrong("", &[], &[("SUBSPACE_SERVER_OPEN", "yes")]),
        "open: found \"yes\", expected true or false (from SUBSPACE_SERVER_OPEN)"
    );
    // Keys that a part leaves out are unknown in the whole.
    let unknown = with_file::<Whole>("[server]\nmost = 3", &[], &[]).unwrap_err();
    assert!(
        unknown.contains("server.most in line 2, which is unknown"),
        "{unknown}"
    );
}

#[test]
fn one_key_stands_in_a_file_once() {
    let twice = |text: &str| with_file::<Whole>(text, &[], &[]).err();
    let said = |first: &str, second: &str| {
        Some(format!(
            "config: x.toml gives one key twice, as {first} and as {second}; leave one of them out"
        ))
    };
    assert_eq!(
        twice("server-open = true\n[server]\nopen = false"),
        said("server.open", "server-open")
    );
    assert_eq!(
        twice("server-open = true\nserver_open = true"),
        said("server-open", "server_open")
    );
    assert_eq!(
        twice("[server]\naddress = \"a\"\nlisten = \"b\""),
        said("server.address", "server.listen")
    );
    assert_eq!(
        twice("server-rooms = []\n[[server.rooms]]\nname = \"a\""),
        said("server.rooms", "server-rooms")
    );
    assert_eq!(twice("server-listen = \"a\"\n[server]\nopen = true"), None);
}

#[test]
fn one_key_is_given_once_in_each_layer() {
    let loaded = |flags: &[&str], environment: &[(&str, &str)]| {
        load::<Whole>(flags, environment).map(|loaded| loaded.options.server)
    };
    let twice = |flags: &[&str], environment: &[(&str, &str)]| loaded(flags, environment).err();
    let said = |first: &str, second: &str| {
        Some(format!(
            "one key is given twice, as {first} and as {second}; leave one of them out"
        ))
    };
    for value in ["a", "b"] {
        assert_eq!(
            twice(&["--server", "a", "--server-listen", value], &[]),
            said("--server-listen", "--server")
        );
        let variables = [("SUBSPACE_SERVER", "a"), ("SUBSPACE_SERVER_LISTEN", value)];
        assert_eq!(
            twice(&[], &variables),
            said("SUBSPACE_SERVER_LISTEN", "SUBSPACE_SERVER")
        );
    }
    // Whatever the former one means now.
    let variables = [
        ("SUBSPACE_CLOSED", "true"),
        ("SUBSPACE_SERVER_OPEN", "false"),
    ];
    assert_eq!(
        twice(&[], &variables),
        said("SUBSPACE_SERVER_OPEN", "SUBSPACE_CLOSED")
    );
    // Between two layers the stronger one wins, and an empty variable counts as unset.
    let variables = [("SUBSPACE_SERVER", "a"), ("SUBSPACE_SERVER_LISTEN", " ")];
    assert_eq!(loaded(&[], &variables).unwrap().listen, "a");
    let flag = ["--server-listen", "b"];
    assert_eq!(loaded(&flag, &variables).unwrap().listen, "b");
}

#[test]
fn what_a_file_makes_long_or_unreadable_is_bounded() {
    let wrong = |text: &str| with_file::<Alone>(text, &[], &[]).unwrap_err();
    assert_eq!(
        wrong("\"mo\\u001b[31m\\nst\" = 3"),
        "config: x.toml has the key mo\\u{1b}[31m\\nst, which is unknown; the nearest known one is most"
    );
    let long = wrong(&format!("{} = 3", "m".repeat(100_000)));
    let shown = "m".repeat(100);
    assert_eq!(
        long,
        format!("config: x.toml has the key {shown}…, which is unknown")
    );
    let list = |key: &str, n: usize| format!("{key} = [{}]", "\"a\",".repeat(n));
    for key in ["guests", "rooms"] {
        assert!(with_file::<Alone>(&list(key, 1_000), &[], &[]).is_ok());
        assert_eq!(
            wrong(&list(key, 1_001)),
            format!("{key}: found 1001 entries, expected at most 1000 (in x.toml, line 1)")
        );
    }
}

#[test]
fn secrets_come_from_anywhere_but_flags_and_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from-a-file\n").unwrap();
    let path = path.to_str().unwrap();
    let password = |flags: &[&str], environment: &[(&str, &str)]| {
        let loaded = load::<Alone>(flags, environment).unwrap();
        assert!(!format!("{loaded:?}").contains("from-"));
        loaded.options.server.password.map(|secret| secret.0)
    };
    let variable = ("SUBSPACE_SERVER_PASSWORD", "from-a-variable");
    let file = ("SUBSPACE_SERVER_PASSWORD_FILE", path);
    assert_eq!(password(&[], &[]), None);
    assert_eq!(password(&[], &[variable]).unwrap(), "from-a-variable");
    assert_eq!(password(&[], &[variable, file]).unwrap(), "from-a-file");
    assert_eq!(
        password(&["--password-file", path], &[]).unwrap(),
        "from-a-file"
    );
    assert!(load::<Alone>(&["--password", "x"], &[]).is_err());
    let gone = load::<Alone>(&["--password-file", "gone"], &[]).unwrap_err();
    assert!(
        gone.starts_with("password-file: cannot read the file that it names: "),
        "{gone}"
    );
    // The secret itself, where the name of its file belongs.
    let variable = ("SUBSPACE_SERVER_PASSWORD_FILE", "from-a-variable");
    let wrong = load::<Alone>(&[], &[variable]).unwrap_err();
    assert!(!wrong.contains("from-a-variable"), "{wrong}");
}

#[test]
fn the_reference_has_every_key() {
    let page = reference::<Alone>();
    assert!(page.contains(
        "| `listen` | `SUBSPACE_SERVER_LISTEN` | ADDR | `127.0.0.1:1` | Where it listens. |"
    ));
    assert!(page.contains("| `password` (no flag) | `SUBSPACE_SERVER_PASSWORD` | TEXT, secret |"));
    assert!(page.contains("`password-file`") && page.contains("`log`"));
}
