//! What of a mail's text is shown in its channel: what was written, not what was answered, forwarded or signed.

use crate::kernel::text::plain;

/// Longest line that introduces a quotation, put together, in bytes.
const MAX_ATTRIBUTION: usize = 400;
/// Over how many lines it may be broken.
const ATTRIBUTION_LINES: usize = 3;
/// Most lines of the head of a mail that is quoted or forwarded.
const MAX_HEAD: usize = 12;

/// How lines begin that introduce a quotation, in lower case.
const OPENERS: &[&str] = &[
    "on ", "am ", "le ", "el ", "il ", "op ", "em ", "den ", "w dniu ",
];
/// What they say.
const VERBS: &[&str] = &[
    "wrote",
    "writes",
    "schrieb",
    "a écrit",
    "escribió",
    "escreveu",
    "ha scritto",
    "schreef",
    "skrev",
    "napisał",
];
/// Who wrote a mail that is quoted with its head, as its programs call that.
const FROM: &[&str] = &["from", "von", "de", "da", "van", "fra", "från"];
/// And when.
const WHEN: &[&str] = &[
    "sent",
    "date",
    "gesendet",
    "datum",
    "envoyé",
    "enviado",
    "fecha",
    "inviato",
    "data",
    "verzonden",
    "skickat",
];
/// What else stands in such a head.
const OTHER: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "subject",
    "reply-to",
    "importance",
    "an",
    "kopie",
    "betreff",
    "à",
    "objet",
    "para",
    "asunto",
    "assunto",
    "a",
    "oggetto",
    "aan",
    "onderwerp",
    "till",
    "ämne",
];
/// What is forwarded or quoted whole stands below dashes with one of these.
const MESSAGE: &[&str] = &[
    "message",
    "nachricht",
    "mensaje",
    "messaggio",
    "bericht",
    "mensagem",
    "meddelande",
];
/// What Apple's program writes above.
const FORWARDED: &[&str] = &[
    "begin forwarded message:",
    "anfang der weitergeleiteten nachricht:",
    "début du message transféré :",
];

/// The first lines, so many, each at most `most` characters. What was quoted is left out, with what introduces it; what is
/// quoted with a head of its own is shown if nothing stands before it, as in a mail that was only forwarded.
pub(super) fn beginning(text: &str, count: usize, most: usize) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut said = Vec::new();
    let mut rest = lines.as_slice();
    while let [line, after @ ..] = rest
        && said.len() < count
        && *line != "--"
    {
        if let Some(length) = introduction(rest) {
            let follows = rest.get(length..).unwrap_or_default();
            let marked = follows.first().is_some_and(|line| line.starts_with('>'));
            if !said.is_empty() && !marked {
                break;
            }
            rest = follows;
            continue;
        }
        rest = after;
        let says = line.chars().any(|c| !c.is_ascii_punctuation() && c != ' ');
        if says && !line.starts_with('>') {
            said.extend(Some(plain(line, most)).filter(|line| !line.is_empty()));
        }
    }
    said
}

/// How many lines introduce what others wrote, if the first of these begin with that.
fn introduction(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    if first.starts_with('>') {
        return None;
    }
    let fields = |from: usize| {
        let after = lines.iter().skip(from).take(MAX_HEAD);
        from + after.take_while(|line| field(line).is_some()).count()
    };
    let lower = || first.to_lowercase();
    let dashed = first.starts_with("--") && first.ends_with("--") && {
        let lower = lower();
        MESSAGE.iter().any(|word| lower.contains(word)) && !lower.contains("pgp")
    };
    if dashed || (first.len() < 60 && FORWARDED.contains(&lower().as_str())) {
        return Some(fields(1));
    }
    let is = |line: &&str, names: &[&str]| field(line).is_some_and(|name| names.contains(&&*name));
    if is(first, FROM) && lines.iter().skip(1).take(3).any(|line| is(line, WHEN)) {
        return Some(fields(0));
    }
    attribution(lines)
}

/// The name of a field of a mail's head, in lower case, as programs write it above what they quote: `*Sent:* Monday`.
fn field(line: &str) -> Option<String> {
    let (name, _) = line.trim_start_matches('*').split_once(':')?;
    let name = name.trim_end();
    let name = (name.len() <= 12).then(|| name.to_lowercase())?;
    let known = [FROM, WHEN, OTHER];
    known
        .iter()
        .any(|names| names.contains(&&*name))
        .then_some(name)
}

/// How many lines say who wrote what follows: `On Tue, 3 Mar 2026, Ann <ann@example.org>` and `wrote:` in the next one.
fn attribution(lines: &[&str]) -> Option<usize> {
    let mut whole = String::new();
    for (count, line) in (1..=ATTRIBUTION_LINES).zip(lines) {
        if line.starts_with('>') || whole.len() + line.len() > MAX_ATTRIBUTION {
            return None;
        }
        whole.push_str(&line.to_lowercase());
        let opens = OPENERS.iter().any(|word| whole.starts_with(word));
        if line.ends_with([':', '：']) {
            let verb = VERBS.iter().any(|word| whole.contains(word));
            let dated = whole.contains(|c: char| c.is_ascii_digit());
            let marked = lines.get(count).is_some_and(|line| line.starts_with('>'));
            let is_one = if marked {
                verb || (dated && whole.contains('@'))
            } else {
                opens && verb && dated
            };
            return is_one.then_some(count);
        }
        if !opens {
            return None;
        }
        whole.push(' ');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GMAIL: &str = "On Tue, 3 Mar 2026 at 10:00, Ann Example <ann@example.org>\nwrote:";
    const OUTLOOK: &str = "From: Ann Example <ann@example.org>\nSent: Tuesday, March 3, 2026 10:00\nTo: Bob\nSubject: Lunch";

    #[test]
    fn what_was_answered_is_not_what_was_written() {
        for introduction in [
            GMAIL,
            "On 3 Mar 2026, Ann wrote:",
            "Am 03.03.26 um 10:00 schrieb Ann Example:",
            "Am Di., 3. März 2026 um 10:00 Uhr schrieb Ann Example <\nann@example.org>:",
            "Am 3. März hat Ann geschrieben:",
            "Le mar. 3 mars 2026 à 10:00, Ann <ann@example.org> a écrit :",
            "-----Original Message-----\nFrom: Ann\nSent: Tuesday",
            "-----Ursprüngliche Nachricht-----\nVon: Ann\nGesendet: Dienstag",
            "________________________________\nVon: Ann\nGesendet: Dienstag, 3. März 2026\nAn: Bob\nBetreff: x",
            "---------- Forwarded message ---------\nFrom: Ann\nDate: Tue\nSubject: x\nTo: Bob",
            "Begin forwarded message:\n\nFrom: Ann\nDate: Tue",
            "*From:* Ann\n*Sent:* Tuesday",
            OUTLOOK,
        ] {
            // The answer stands above.
            let text = format!("Yes.\n\n{introduction}\n\nShall we?\nToday?\n");
            assert_eq!(beginning(&text, 2, 300), ["Yes."], "{introduction}");
            // Below, or between.
            let text = format!("{introduction}\n> Shall we?\n>\n> Today?\n\nYes.\n> And?\nNo.\n");
            assert_eq!(beginning(&text, 2, 300), ["Yes.", "No."], "{introduction}");
            // All there is.
            let text = format!("{introduction}\n\nShall we?\n");
            assert_eq!(beginning(&text, 2, 300), ["Shall we?"], "{introduction}");
        }
        for introduction in [
            "Ann Example <ann@example.org> writes:",
            "2026年3月3日(火) 10:00 Ann <ann@example.org>:",
        ] {
            let text = format!("{introduction}\n> Shall we?\nYes.");
            assert_eq!(beginning(&text, 2, 300), ["Yes."], "{introduction}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_shown() {
        for line in [
            "On Monday we meet:",
            "On the table:",
            "She wrote:",
            "From: the whole team",
            "To: do",
            "---- News ----",
            "Am 3. März: Sitzung",
            "-----BEGIN PGP SIGNED MESSAGE-----",
            "👍",
        ] {
            let text = format!("{line}\nIt goes on.");
            assert_eq!(beginning(&text, 2, 300), [line, "It goes on."], "{line}");
        }
        assert_eq!(
            beginning("=====\n* * *\nHello\n-- \nAnn", 2, 300),
            ["Hello"]
        );
    }

    #[test]
    fn any_text_has_a_beginning_of_so_much() {
        for unit in [
            "on 1 ",
            "from: a\n",
            "wrote:\n",
            "> \n",
            "--",
            "on 1\n",
            "sent: x\nfrom:\n",
            "é",
        ] {
            let said = beginning(&unit.repeat(10_000), 2, 300);
            assert!(said.len() <= 2, "{unit}");
            assert!(said.iter().all(|line| line.chars().count() <= 301));
        }
    }
}
