/*
 * Attacker bytes arrive as JSON strings: valid UTF-8 as it is, and every other byte as the private-use
 * character U+F700 + byte. What is shown mirrors the node's own escaping, so that the terminal and the page
 * print the same text and neither can be steered by it.
 */

const RAW_FIRST = 0xf780
const RAW_LAST = 0xf7ff

/** Controls, line separators, bidirectional and zero-width characters, private use, tags, lone surrogates. */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff9-\ufffb\u{e0000}-\u{10ffff}]|\p{Surrogate}/gu

/** Bytes as sent by a peer, made safe to look at; a backslash of the peer's own is doubled. */
export function escapeBytes(bytes: string): string {
  return escapeText(bytes.replaceAll('\\', '\\\\'))
}

/** Text in which the node has escaped the peer's bytes already: backslashes stay, the rest is made safe again. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0
    switch (code) {
      case 0x09:
        return '\\t'
      case 0x0a:
        return '\\n'
      case 0x0d:
        return '\\r'
    }
    if (code >= RAW_FIRST && code <= RAW_LAST) return `\\x${(code - 0xf700).toString(16)}`
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
    return `\\u{${code.toString(16)}}`
  })
}

/** At most `most` characters of an already escaped text, with an ellipsis where something was left out. */
export function shorten(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}
