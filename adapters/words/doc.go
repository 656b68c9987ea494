// Package words splits texts into the words that they are found by: messages and queries in the
// same way, whatever their language, and without asking which it is.
//
// A word is a run of letters, digits and their marks. That is Unicode's rule (UAX 29), but for what
// it takes as one word with a dot, a colon, an apostrophe or an underscore in it: example.com is
// two words here, so that it is found by each of them. Who asks for example.com asks for both, one
// behind the other.
//
// Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between words, and Korean none
// before particles. So each of their characters is a Part, and who asks for several of them asks
// for a run of them.
//
// Words are compared by their Form: Unicode's compatible normal form (NFKC), without case. Where
// writers leave marks out at will, the Form has none: vowels in Arabic and Hebrew, the dots of ё.
// The four letters i of Turkish are one, as in text of other languages nobody knows which is meant.
// Bare is the Form without accents, also of letters that Unicode does not take apart: đ, ł, ø. A
// word that is asked for with accents means these; one without means any.
//
// An emoji is a word. Its Bare has no skin tone. How it is to be drawn does not matter.
package words
