//! HTML as people read it.

use super::*;

#[test]
fn borders_hidden_things_and_links() {
    for (html, said) in [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("One<br>Two<BR/>Three", "One\nTwo\nThree"),
        (
            "<table><tr><td>Total</td><td>5 EUR</td></tr><tr><td>Tax</td><td>1</td></tr></table>",
            "Total 5 EUR\nTax 1",
        ),
        // As written by Outlook and newsletters.
        (
            "a<table><tr><td><p>Total</p></td>\n<td><p>5 EUR</p></td></tr>\n<tr><td><div>Tax</div></td><td><p>1</p></td></tr></table>b",
            "a\nTotal 5 EUR\nTax 1\nb",
        ),
        (
            "<table><tr><td><h1>News</h1><p>One</p><p>Two</p></td><td><p>Three</p></td></tr></table>",
            "News\n\nOne\n\nTwo\nThree",
        ),
        (
            "<table><tr><td><table><tr><td><p>a</p></td></tr></table></td></tr><tr><td><p>b</p></td></tr></table>",
            "a\nb",
        ),
        (
            "<p>a</p><button>Click</button><a href='#'>x</a><button>y</button>",
            "a\n\nClick x y",
        ),
        ("<ul><li>a</li><li>b</ul>c", "- a\n- b\n\nc"),
        ("a <b>b</b>c\n d", "a bc d"),
        (
            "<div style='display:none'>peek<div>a</div></div>Hello",
            "Hello",
        ),
        (
            "<span style=\"Display : NONE !important;max-height:0\">peek</span>Hello",
            "Hello",
        ),
        (
            "<div style=\"max-height:0px;overflow:hidden\">peek</div>Hello",
            "Hello",
        ),
        (
            "<div style=\"opacity:0\">peek</div><p style=\"opacity:0.8\">Hello</p>",
            "Hello",
        ),
        (
            "<td style=\"font-size:0px\"><p style='font-size:14px'>Hello</p></td>",
            "Hello",
        ),
        (
            "<style>@media x{.y{display:none}} .pre, p.z { color:red; display:none!important }</style><p class='a pre'>peek</p><i class=y>Hello</i>",
            "Hello",
        ),
        (
            "<span style='font-size:0px;line-height:0'>zero<i>zero</i><span>zero</span></span>Hello",
            "Hello",
        ),
        (
            "<div style='font-size:0.0em'>zero<p style='font-size:14px'>Hel<b>lo</b></p>zero</div> you",
            "Hello\n\nyou",
        ),
        ("<br style='font-size:0'>Hello", "Hello"),
        // Hidden from Outlook only, which draws a button of its own.
        (
            "<!--[if mso]><v:rect>Pay</v:rect><![endif]--><a href='https://a.example/pay' style='mso-hide:all'>Pay</a>",
            "Pay (https://a.example/pay)",
        ),
        ("<p hidden>peek</p>Hello", "Hello"),
        ("<img style='display:none' src=x>Hello", "Hello"),
        (
            "Hello&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#8203;<br>you",
            "Hello\nyou",
        ),
        (
            "<a href=\"https://a.example/x?a=1&amp;b=2\">here</a>.",
            "here (https://a.example/x?a=1&b=2).",
        ),
        ("<a href='https://a.example/'>a.example</a>", "a.example"),
        (
            "<a href='https://a.example/'>https://a.example</a>",
            "https://a.example",
        ),
        (
            "<a href='https://a.example/x'><div>Button</div></a>next",
            "Button (https://a.example/x)\nnext",
        ),
        (
            "<a href='mailto:a@b.example?subject=x'>Ann</a>",
            "Ann (a@b.example)",
        ),
        (
            "<a href='javascript:alert(1)'>x</a><a href='#top'>y</a>",
            "xy",
        ),
        (
            "<a href='https://a.example/x'><img alt='Shop' src=y></a>",
            "Shop (https://a.example/x)",
        ),
        (
            "<title>no</title><script>if (a<b) {}</script><!-- <p>no --><![if x]>a &lt; b &amp; c<![endif]>",
            "a < b & c",
        ),
        (
            "1 < 2 &unknown; &#x41;&eacute; AT&T &copy 1",
            "1 < 2 &unknown; Aé AT&T © 1",
        ),
        ("<pre>a\n  b</pre>", "a\n  b"),
        (
            "<div>Ann wrote:<br></div><blockquote type=cite><p>One</p>Two<br>Three<blockquote class='gmail_quote'>Four</blockquote></blockquote><p>Five</p>",
            "Ann wrote:\n\n> One\n\n> Two\n> Three\n\n>> Four\n\nFive",
        ),
        ("a<blockquote>b</blockquote>c", "a\n\nb\n\nc"),
        ("<p>Hello</p><p title=\"", "Hello"),
        (
            "<div style='display:none'>all there is</div>",
            "all there is",
        ),
    ] {
        assert_eq!(text(html), said, "{html}");
    }
}

#[test]
fn hostile_pages_end() {
    for hostile in [
        "<",
        "<a ",
        "<!--",
        "&",
        "<style>",
        "</",
        "<a href='",
        "<p style='display:none'>",
        "&#",
        "<div>",
        "<td><p>",
        "<p style='font-size:0'>",
        "<blockquote type=cite>a",
        "<i style='font-size:1'>",
    ] {
        let page = hostile.repeat(20_000);
        assert!(text(&page).len() <= 2 * page.len() + 10, "{hostile}");
    }
}
