const contents = JSON.parse(document.getElementById("contents-data").textContent);
document.getElementById("scheme").append(schemeSwitch());
document.getElementById("map").append(...exploreMap(contents.map, true));
document.documentElement.dataset.drawn = "all";
