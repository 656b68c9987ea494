// Before anything is painted: light or dark, as chosen here, or else as the system says. No module, because modules run too late.
(() => {
  const chosen = localStorage.getItem("parley.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
