// Package words splits texts into words for searching: messages and queries in the same way, in all
// languages, without detecting the language.
//
// A word is a run of letters, digits and their marks. This is Unicode's rule (UAX 29), with one
// difference: a dot, a colon, an apostrophe or an underscore always ends a word. So example.com is
// two words, and is found by each of them. A query for example.com looks for the two words one
// after the other.
//
// Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between words, and Korean has none
// before particles. So each of their characters is a word by itself, a Part. A query with several
// of them looks for the same characters in a row.
//
// Words are compared by their Form: Unicode's compatible normal form (NFKC), without case. Some
// marks are optional in writing: vowels in Arabic and Hebrew, the dots of ё. The Form leaves them
// out. The four letters i of Turkish are one letter in the Form, as in a text of another language
// it is unknown which one is meant. Bare is the Form without accents. This includes letters that
// Unicode does not split: đ, ł, ø. A query word with accents finds only words with the same
// accents. One without accents finds both.
//
// An emoji is a word. Its Bare has no skin tone. How it is drawn does not matter.
package words
