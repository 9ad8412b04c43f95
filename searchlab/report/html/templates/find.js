"use strict";
document.getElementById("find").addEventListener("input", function (event) {
  const wanted = event.target.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(".profile tbody tr")) {
    row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
  }
});
