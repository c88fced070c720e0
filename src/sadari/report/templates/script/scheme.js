const SCHEMES = ["auto", "light", "dark"];

/** Light, dark, or as the system has it; stored where the browser lets a file store something. */
function schemeSwitch() {
  const stored = SCHEMES.includes(remembered()) ? remembered() : "auto";
  apply(stored);
  return choice("Colours", SCHEMES.map((each) => [each, each]), stored, (scheme) => {
    apply(scheme);
    remember(scheme);
  }).element;
}

function apply(scheme) {
  document.documentElement.dataset.scheme = scheme;
}

function remembered() {
  try {
    return localStorage.getItem("sadari-scheme");
  } catch {
    return null;
  }
}

function remember(scheme) {
  try {
    localStorage.setItem("sadari-scheme", scheme);
  } catch {
    // A browser that stores nothing still shows the choice until the page is closed.
  }
}
