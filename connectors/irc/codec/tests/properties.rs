//! Properties that hold for any input.

use irc_codec::{
    Ctcp, Isupport, LineBuffer, Message, Source, Tags, mask_matches, parse_modes, split_text,
};
use proptest::prelude::*;
use protocol::Folding;

prop_compose! {
    fn any_message()(
        tags in prop::collection::vec((".{0,8}", ".{0,12}"), 0..4),
        source in prop::option::of((".{0,8}", prop::option::of(".{0,8}"), prop::option::of(".{0,8}"))),
        command in ".{0,8}",
        params in prop::collection::vec("[\\PC\r\n\0: ]{0,12}", 0..5),
    ) -> Message {
        let mut all = Tags::default();
        for (key, value) in tags {
            all.set(key, value);
        }
        let source = source.map(|(nick, user, host)| Source { nick, user, host });
        Message { tags: all, source, command, params }
    }
}

prop_compose! {
    fn well_formed()(
        tags in prop::collection::btree_map("\\+?[a-z][a-z0-9/.-]{0,8}", "[^\0]{0,12}", 0..4),
        source in prop::option::of("[a-zA-Z][a-z0-9]{0,8}(![a-z~]{1,8}@[a-z.:]{1,12})?"),
        command in "[A-Z]{1,8}|[0-9]{3}",
        middle in prop::collection::vec("[^ :\0\r\n][^ \0\r\n]{0,10}", 0..4),
        last in prop::option::of("[^\0\r\n]{0,20}"),
    ) -> Message {
        let mut all = Tags::default();
        for (key, value) in tags {
            all.set(key, value);
        }
        Message {
            tags: all,
            source: source.as_deref().map(Source::parse),
            command,
            params: middle.into_iter().chain(last).collect(),
        }
    }
}

proptest! {
    #[test]
    fn parsing_undoes_formatting(message in well_formed()) {
        prop_assert_eq!(Message::parse(&message.to_string()), Ok(message));
    }

    #[test]
    fn no_text_becomes_a_second_message(message in any_message()) {
        let line = message.to_string();
        prop_assert!(!line.contains(['\r', '\n', '\0']), "{:?}", line);
        if let Ok(again) = Message::parse(&line) {
            // No content moves from one part to another.
            prop_assert!(again.params.len() <= message.params.len(), "{:?}", line);
        }
    }

    #[test]
    fn any_bytes_are_taken(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..8)) {
        let mut buffer = LineBuffer::new(300, 512);
        for piece in pieces {
            buffer.push(&piece);
            while let Some(line) = buffer.next_line() {
                if let Ok(Ok(message)) = line.map(|line| Message::parse_bytes(&line)) {
                    let mut isupport = Isupport::default();
                    isupport.apply(message.params.iter().map(String::as_str));
                    let _ = parse_modes(&isupport, &message.params);
                    let _ = Ctcp::parse(message.param(1));
                    let _ = Message::parse(&message.to_string());
                }
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_how_bytes_arrive(
        lines in prop::collection::vec("[ -~]{1,40}", 0..10), size in 1_usize..50,
    ) {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
        let mut buffer = LineBuffer::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            buffer.push(piece);
            while let Some(line) = buffer.next_line() {
                found.push(String::from_utf8(line.unwrap()).unwrap());
            }
        }
        prop_assert_eq!(found, lines);
    }

    #[test]
    fn pieces_fit_and_lose_nothing_but_blanks(text in "\\PC{0,300}", max in 1_usize..80) {
        let pieces = split_text(&text, max);
        for piece in &pieces {
            prop_assert!(piece.len() <= max.max(4) && !piece.is_empty());
        }
        let without = |text: &str| text.replace(' ', "");
        prop_assert_eq!(without(&pieces.concat()), without(&text));
    }

    #[test]
    fn actions_survive(text in "[^\x01\0\r\n]{1,40}") {
        let ctcp = Ctcp::action(text);
        prop_assert_eq!(Ctcp::parse(&ctcp.to_string()), Some(ctcp));
    }

    #[test]
    fn folding_twice_is_folding_once(name in "\\PC{0,20}") {
        for mapping in [Folding::Ascii, Folding::Rfc1459, Folding::Strict] {
            let folded = mapping.fold(&name);
            prop_assert_eq!(mapping.fold(&folded), folded);
        }
    }

    #[test]
    fn a_name_fits_itself_and_a_star(name in "[^*?]{0,20}", cut in 0_usize..20) {
        prop_assert!(mask_matches(&name, &name) && mask_matches("*", &name));
        let head: String = name.chars().take(cut).collect();
        let mask = format!("{head}*");
        prop_assert!(mask_matches(&mask, &name));
    }
}
