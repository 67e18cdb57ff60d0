/**
 * The theme that was chosen last, set before anything is drawn, or the page would flash in the other one. A script of its
 * own, and no module: modules run when the page is there.
 */

try {
  const theme = localStorage.getItem('millrace.theme')
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme
} catch {
  // A browser may refuse its storage: then the system's theme it is.
}
