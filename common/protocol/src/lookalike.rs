//! Names that look like others.

use crate::marks::is_mark;

/// Names under which services, programs and administrators speak on IRC networks, or webhooks and mail here. They are
/// reserved, unless an account has the name.
const SPEAKERS: [&str; 37] = [
    "admin",
    "administrator",
    "alertmanager",
    "authserv",
    "botserv",
    "chanserv",
    "digest",
    "forgejo",
    "gitea",
    "github",
    "gitlab",
    "global",
    "grafana",
    "helpserv",
    "hostserv",
    "ircd",
    "kubernetes",
    "mail",
    "mailer-daemon",
    "memoserv",
    "moderator",
    "nickserv",
    "operserv",
    "owner",
    "postmaster",
    "prometheus",
    "root",
    "saslserv",
    "sentry",
    "server",
    "slack",
    "sms",
    "subspace",
    "system",
    "uptimekuma",
    "uptimerobot",
    "webhook",
];

/// Alphabets in the order of ASCII's: first and last character, the period after which they repeat, and the
/// corresponding first ASCII character.
const ALPHABETS: [(u32, u32, u32, u8); 13] = [
    (0x2080, 0x2089, 10, b'0'),
    (0x2460, 0x2468, 10, b'1'),
    (0x249c, 0x24b5, 26, b'a'),
    (0x24b6, 0x24e9, 26, b'a'),
    (0xff10, 0xff19, 10, b'0'),
    (0xff21, 0xff3a, 26, b'a'),
    (0xff41, 0xff5a, 26, b'a'),
    (0x1d400, 0x1d6a3, 26, b'a'),
    (0x1d7ce, 0x1d7ff, 10, b'0'),
    (0x1f110, 0x1f129, 26, b'a'),
    (0x1f130, 0x1f149, 26, b'a'),
    (0x1f150, 0x1f189, 32, b'a'),
    (0x1f1e6, 0x1f1ff, 26, b'a'),
];

/// ASCII letters and digits, and their lookalikes: those with accents, and those of other scripts that
/// `confusables.txt` of UTS #39 lists for them or that read alike in upper or lower case. Account names only use these.
#[rustfmt::skip]
const ALIKE: [(char, &str); 36] = [
    ('a', "ɑαΑаАӓӑӕᴀⱥꓮᎪ⍺ªàáâãäåāăąǎǟǡǻȁȃȧᴬᵃḁạảấầẩẫậắằẳẵặₐΆάӐӒ"),
    ('b', "βΒвВьЬƅʙɓƀꓐᏏᏴℬⲂᴮᵇḃḅḇ"),
    ('c', "ϲϹсСҫᴄꞓƈꓚᏟℂℭⲥⲤⅽçćĉċčᶜḉ"),
    ('d', "đԁᴅɗɖꓓᎠᏧⅆⅅⅾďᴰᵈḋḍḏḑḓ"),
    ('e', "εΕеЕёєҽɛᴇꓰᎬℯℰ℮ⅇӗəǝèéêëēĕėęěȅȇȩᴱᵉḕḗḙḛḝẹẻẽếềểễệₑΈέЀЁѐӖ"),
    ('f', "ƒғꜰꓝℱϝᶠḟ"),
    ('g', "ɡɢցձɠǥꓖᏀᏳℊĝğġģǧǵᴳᵍḡ"),
    ('h', "ħΗнНһҺհңʜɦꓧᎻᏂℋℌℍℎℏⲎĥȟʰᴴḣḥḧḩḫẖₕΉ"),
    ('i', "ıιΙіІїɩɪɨꓲᎥℐℑℹⅈⲒⅰìíîïĩīĭįǐȉȋᴵᵢḭḯỉịⁱΊΐΪίϊЇ"),
    ('j', "јЈϳյȷɉᴊꓙᎫⅉĵǰʲᴶ"),
    ('k', "κΚкКқҝҟᴋƙꓗᏦⲔķǩᴷᵏḱḳḵₖЌќ"),
    ('l', "łƚɫɬʟӏӀǀ\u{5d5}\u{5df}\u{627}ԼꓡᏞℒℓ∣│┃❘￨\u{5c0}ⅼĺļľˡᴸḷḹḻḽₗ"),
    ('m', "ΜмМᴍϺɱꓟᎷℳⲘⅿᴹᵐḿṁṃₘ"),
    ('n', "ηΝпՈոռɴŋɲƞꓠℕⲚñńņňǹᴺṅṇṉṋⁿₙή"),
    ('o', "øοΟσоОөӧօՕ\u{5e1}\u{647}\u{665}\u{6f5}०੦௦൦๐໐〇ჿᴏᴑɵꓳℴⲟⲞѻºòóôõöōŏőơǒǫǭȍȏȫȭȯȱᴼᵒṍṏṑṓọỏốồổỗộớờởỡợₒΌόӦӫ"),
    ('p', "ρΡрРᴘƥքꓑᏢℙ℘ⲣⲢᴾᵖṕṗₚ"),
    ('q', "ԛզգℚ"),
    ('r', "гʀɾɍꓣᎡᏒℛℜℝŕŗřȑȓʳᴿᵣṙṛṝṟѓ"),
    ('s', "ѕЅՏꜱʂƽꓢᏕᏚśŝşšſșˢṡṣṥṧṩẛₛ"),
    ('t', "ŧτΤтТҭᴛƭꓔᎢⲦţťțᵀᵗṫṭṯṱẗₜ"),
    ('u', "μυսՍᴜʋʉꓴùúûüũūŭůűųưǔǖǘǚǜȕȗᵁᵘᵤṳṵṷṹṻụủứừửữựΰϋύ"),
    ('v', "νѵѴᴠꓦᏙⅴᵛᵥṽṿѶѷ"),
    ('w', "ωԝԜшщѡɯᴡꓪᎳᏔŵʷᵂẁẃẅẇẉẘώ"),
    ('x', "χΧхХҳӽꓫⲭⲬ×ⅹˣẋẍₓ"),
    ('y', "γΥуУүҮӱʏꓬᎩⲨýÿŷȳʸẏẙỳỵỷỹΎΫЎўӮӯӰӲӳ"),
    ('z', "ΖʐƶᴢꓜᏃℤℨźżžᶻẑẓẕ"),
    ('0', "⁰"),
    ('1', "¹"),
    ('2', "ƨ²"),
    ('3', "зЗȝ³Ӟӟ"),
    ('4', "Ꮞ⁴"),
    ('5', "⁵"),
    ('6', "б⁶"),
    ('7', "⁷"),
    ('8', "ȣ⁸"),
    ('9', "⁹"),
];

/// Returns what people perceive of a name at a glance: no case, no accents, no punctuation around or within the word,
/// letters of other scripts, digits and bars as the letters that they resemble. Names with the same outline can be
/// mistaken for one another.
#[must_use]
pub fn outline(name: &str) -> String {
    let plain: String = name.chars().filter_map(seen_as).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// The letter that a character can be mistaken for, if any.
fn seen_as(c: char) -> Option<char> {
    let c = ascii_like(c).unwrap_or(c);
    match c.to_ascii_lowercase() {
        '0' => Some('o'),
        '1' | 'i' | '|' => Some('l'),
        '3' => Some('e'),
        '4' => Some('a'),
        '5' => Some('s'),
        '7' => Some('t'),
        '8' => Some('b'),
        c if c.is_alphanumeric() && !is_mark(c) => c.to_lowercase().next(),
        _ => None,
    }
}

/// The ASCII letter or digit that another character resembles.
fn ascii_like(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    let code = u32::from(c);
    let alphabet = ALPHABETS
        .iter()
        .find(|(first, last, ..)| (*first..=*last).contains(&code));
    if let Some((start, _, again, first)) = alphabet {
        let place = u8::try_from((code - start) % again).ok()?;
        return Some(char::from(first.saturating_add(place)));
    }
    let find = |c: char| ALIKE.iter().find(|(_, others)| others.contains(c));
    let lower = c.to_lowercase().next()?;
    if lower.is_ascii() {
        // The Kelvin sign is a k.
        return Some(lower);
    }
    let found = find(c)
        .or_else(|| find(lower))
        .or_else(|| find(c.to_uppercase().next()?));
    found.map(|(ascii, _)| *ascii)
}

/// Returns whether a name looks like one under which programs speak.
#[must_use]
pub fn is_speaker(name: &str) -> bool {
    let wanted = outline(name);
    SPEAKERS.iter().any(|name| outline(name) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_outline() {
        for (one, other) in [
            ("alice", "A1ice"),
            ("alice", "alice_"),
            ("alice", "_a|ice`"),
            ("bob", "B0b"),
            ("martin", "rnartin"),
            ("webhook", "web-hook"),
            ("alice", "\u{430}l\u{456}\u{441}\u{435}"),
            ("alice", "\u{391}LI\u{421}\u{395}"),
            ("alice", "ａｌｉｃｅ"),
            ("alice", "𝓪𝕝𝚒𝖈𝐞"),
            ("alice", "Ⓐⓛⓘⓒⓔ"),
            ("alice", "🅰🅻🅸🅲🅴"),
            ("alice", "🇦🇱🇮🇨🇪"),
            ("alice", "a\u{308}li\u{328}ce\u{301}\u{20dd}"),
            ("alice", "Àlïçé"),
            ("alice", "a\u{200d}lice \u{2764}\u{fe0f}"),
            ("hank", "\u{41d}\u{430}\u{43f}\u{43a}"),
            ("kim", "\u{212a}im"),
            ("bob42", "bob𝟒𝟐"),
        ] {
            assert_eq!(outline(one), outline(other), "{one} {other}");
        }
        for other in ["alina", "alice2", "alice漢", "алиса", "αλίκη"] {
            assert_ne!(outline("alice"), outline(other), "{other}");
        }
        assert_eq!(outline("🚀 \u{300}!"), "");
    }

    #[test]
    fn every_letter_is_found_once() {
        let others = || ALIKE.iter().flat_map(|(_, others)| others.chars());
        let mut all: Vec<char> = others().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), others().count());
        assert!(all.iter().all(|c| !c.is_ascii() && !is_mark(*c)));
        for (first, _, _, ascii) in ALPHABETS {
            let one = ascii_like(char::from_u32(first).unwrap());
            assert_eq!(one, Some(char::from(ascii)));
        }
    }

    #[test]
    fn speakers() {
        for name in [
            "GitHub",
            "github",
            "G1tHub",
            "Git-Hub",
            "GITHUB_",
            "NickServ",
            "webhook",
            "Mail",
            "r00t",
            "ѕуѕtем",
            "Admín",
        ] {
            assert!(is_speaker(name), "{name}");
        }
        for name in [
            "alice",
            "githubber",
            "guest",
            "Guest12",
            "carol",
            "mailman",
            "visitor",
        ] {
            assert!(!is_speaker(name), "{name}");
        }
    }
}
