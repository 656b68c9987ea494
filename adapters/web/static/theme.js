// Before anything is drawn: the colours that were chosen here. A browser may keep nothing.
try {
  document.documentElement.dataset.theme = localStorage.getItem("parley.theme") ?? "";
} catch { /* then it is as the system says */ }
