// Draws the list of goods. The names in braces are template literals, not look-ups.
const money = (value) => `${value.toFixed(2)} EUR`;

function row(item, index) {
    const label = `${index + 1}. ${item.name} (${item.join ? `${item.join(", ")}` : "single"})`;
    return `<tr id="item-${item.id}"><td>${label}</td><td>${money(item.price)}</td></tr>`;
}

async function load(page) {
    const url = `${location.origin}/api/items?page=${page}&per=${20}`;
    const answer = await fetch(url, { headers: { "X-Page": `${page}` } });
    if (!answer.ok) {
        throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
    }
    const data = await answer.json();
    document.querySelector("#items").innerHTML = data.items.map(row).join("\n");
    document.title = `${data.items.length} items, page ${page}, joined index ${data.index}`;
}

load(new URLSearchParams(location.search).get("page") ?? 1).catch((error) => {
    document.body.insertAdjacentHTML("beforeend", `<p class="error">${error.message}</p>`);
});
