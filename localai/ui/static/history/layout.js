// Knows where every picture of the grid lies: sections by day, rows, columns; numbers only, nothing of the page.

/** The last place in `list` whose `name` is at most `value`. */
function search(list, name, value) {
	let low = 0;
	let high = list.length - 1;
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if (list[middle][name] <= value) low = middle;
		else high = middle - 1;
	}
	return low;
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Few pictures on many days would be rows with little in them: then they are gathered by month. */
function gather(days, total, columns) {
	if (days.length < 5 || total / days.length >= columns / 2) return days;
	const months = [];
	for (const { day, count } of days) {
		const month = day.slice(0, 7);
		const last = months[months.length - 1];
		if (last && last.day === month) last.count += count;
		else months.push({ day: month, count });
	}
	return months;
}

/**
 * `days` are [{day, count}] in the order of the pages, or empty for one section without a heading. Tiles are
 * squares of about `size`, or as many in a row as `columns` says.
 */
export function layOut({ days, total, width, size, columns: fixed, gap, heading, space }) {
	const columns = fixed || Math.max(1, Math.floor((width + gap) / (size + gap)));
	const side = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns));
	const row = side + gap;
	const head = days.length ? heading : 0;
	const sections = [];
	const dates = [];
	let start = 0;
	let top = 0;
	for (const { day, count } of days) {
		dates.push({ day, start });
		start += count;
	}
	start = 0;
	for (const { day, count } of days.length ? gather(days, total, columns) : [{ day: null, count: total }]) {
		if (!count) continue;
		const rows = Math.ceil(count / columns);
		const height = head + rows * row - gap + space;
		sections.push({ day, start, count, top, rows, bottom: top + height });
		start += count;
		top += height;
	}
	const pictures = start;

	const sectionAt = (y) => sections[search(sections, 'top', y)];
	const sectionOf = (index) => sections[search(sections, 'start', index)];

	function place(index) {
		const section = sectionOf(index);
		const at = index - section.start;
		return {
			x: (at % columns) * row,
			y: section.top + head + Math.floor(at / columns) * row,
		};
	}

	/** The first and the last picture of which something lies between two heights. */
	function span(from, to) {
		if (!pictures) return [0, -1];
		const above = sectionAt(from);
		const below = sectionAt(to);
		const first = Math.floor((from - above.top - head) / row);
		const last = Math.floor((to - below.top - head) / row);
		return [
			above.start + clamp(first, 0, above.rows - 1) * columns,
			Math.min(
				below.start + below.count - 1,
				below.start + clamp(last, 0, below.rows - 1) * columns + columns - 1,
			),
		];
	}

	/** Which picture lies one row above or below, in the same column where there is one. */
	function beside(index, by) {
		const number = search(sections, 'start', index);
		const section = sections[number];
		const at = index - section.start;
		const column = at % columns;
		const line = Math.floor(at / columns) + by;
		if (line >= 0 && line < section.rows)
			return section.start + Math.min(section.count - 1, line * columns + column);
		const next = sections[number + by];
		if (!next) return index;
		const entered = by > 0 ? 0 : next.rows - 1;
		return next.start + Math.min(next.count - 1, entered * columns + column);
	}

	return {
		columns,
		side,
		row,
		head,
		sections,
		total: pictures,
		height: top,
		place,
		span,
		beside,
		sectionAt,
		sectionOf,
		/** The picture about `height` below (or above), in the same column. */
		leap(index, height) {
			let at = index;
			const start = place(index).y;
			const by = Math.sign(height);
			for (let turns = 0; turns < 1000; turns++) {
				const next = beside(at, by);
				if (next === at || Math.abs(place(next).y - start) > Math.abs(height)) break;
				at = next;
			}
			return at;
		},
		/** How a page is asked for that has this picture: its day, and where in it. */
		address(index) {
			if (!dates.length) return { day: null, offset: index };
			const date = dates[search(dates, 'start', index)];
			return { day: date.day, offset: index - date.start };
		},
	};
}
