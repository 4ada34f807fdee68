//! A source as tokens: without comments, and with every literal as one token.

use std::str::FromStr;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// What stands for a literal, whatever it is.
pub const LITERAL: &str = "\"\"";

/// The tokens of a text in order; brackets are tokens of their own, and `::` is one.
pub fn tokens(text: &str) -> Vec<String> {
    let stream = TokenStream::from_str(text).unwrap_or_else(|error| panic!("no Rust: {error}: {text}"));
    let mut flat = Vec::new();
    flatten(stream, &mut flat);
    flat
}

fn flatten(stream: TokenStream, into: &mut Vec<String>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                into.push(open.to_owned());
                flatten(group.stream(), into);
                into.push(close.to_owned());
            }
            TokenTree::Ident(ident) => into.push(ident.to_string()),
            TokenTree::Literal(_) => into.push(LITERAL.to_owned()),
            TokenTree::Punct(punct) => {
                let is_path = punct.as_char() == ':'
                    && punct.spacing() == Spacing::Joint
                    && matches!(trees.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                if is_path {
                    trees.next();
                }
                into.push(if is_path { "::".to_owned() } else { punct.as_char().to_string() });
            }
        }
    }
}

/// Whether a token is a name or a keyword.
pub fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether some tokens stand in a row in others.
pub fn has(tokens: &[String], row: &[String]) -> bool {
    tokens.windows(row.len()).any(|window| window == row)
}

/// The place of the bracket that closes the one at `open`.
pub fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    tokens.len()
}

#[test]
fn comments_are_no_tokens_and_strings_are_one() {
    let text = "/// crate::a\nfn f() { g(\"crate::b // no\", '\"'); /* crate::c */ h::<u8>(r#\"\"x\"#) }";
    let found = tokens(text).join(" ");
    assert_eq!(found, "# [ doc = \"\" ] fn f ( ) { g ( \"\" , \"\" ) ; h :: < u8 > ( \"\" ) }");
    assert!(has(&tokens("a.b::now()"), &tokens("b::now")) && !has(&tokens("a.b::now()"), &tokens("b::no")));
    assert_eq!(closing(&tokens("( [ ] { } ) ( )"), 0), 5);
}
