package web_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// speaks has the browser's first language be that one, from the next page on.
func speaks(lang string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		params := emulation.SetUserAgentOverrideParams{UserAgent: "Chromium", AcceptLanguage: lang}
		_, err := cdp.Call(ctx, t, emulation.SetUserAgentOverride, params)
		return err
	})
}

func TestThePageSpeaksTheLanguageOfTheBrowser(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	for _, one := range []struct{ browser, lang, signIn, signOut, first string }{
		{"de-DE", "de-DE", "Anmelden", "Abmelden", "Beginne ein Gespräch"},
		{"ru", "ru", "Войти", "Выйти", "Начните разговор"},
		{"fr-FR", "en", "Sign in", "Sign out", "Start a conversation"},
	} {
		g := guest{s.visit(browser, "")}
		g.waits(`document.querySelector("#by-name").checkVisibility()`) // it has taken the key
		g.does(speaks(one.browser), chromedp.Reload())
		g.waits(`document.documentElement.lang === ` + quoted(one.lang) + ` && document.documentElement.dir === "ltr"`)
		g.waits(`document.querySelector("#by-name").checkVisibility() && document.querySelector("#signin .primary").textContent === ` + quoted(one.signIn))
		g.waits(`document.title.startsWith(` + quoted(one.signIn) + `) && [...document.querySelectorAll("[data-word]")].every((e) => e.textContent || e.ariaLabel)`)
		g.shot("sign-in-" + one.lang)
		g.axe()
		g.accessible("sign-in, " + one.browser)
		g.signsIn("Alice")
		g.waits(`text(".state-pane h2") === ` + quoted(one.first) + ` && document.querySelector('[slot="account"]').textContent === ` + quoted(one.signOut))
		g.accessible("first view, " + one.browser)
		g.hasNoComplaint()
	}
}
