// Pictures of what is loaded later.
export const moreIcons = {
  reply: "M10 6.5 4.5 12l5.5 5.5M5 12h8c3.5 0 6 2 6.5 5.5",
  edit: "m5 19 .9-3.9L16 5l3 3L8.9 18.1zM13.5 7.5l3 3",
  bin: "M5 7h14M10 7V4.8h4V7M7 7l.8 12.2h8.4L17 7M10.3 10.5v5.5m3.4-5.5v5.5",
  link: "M10 14a3.5 3.5 0 0 0 5 .3l3-3a3.5 3.5 0 0 0-5-5l-1 1M14 10a3.5 3.5 0 0 0-5-.3l-3 3a3.5 3.5 0 0 0 5 5l1-1",
  bell: "M6 17h12l-1.6-2.2V11a4.4 4.4 0 0 0-8.8 0v3.8zM10.5 19.5h3",
  info: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM12 11.2v4.6M12 8.2v.1",
  calendar: "M5 6.5h14v13H5zM5 10.5h14M8.5 4v4M15.5 4v4",
  exit: "M13 4.5H6.5v15H13M10.5 12H20m-3.5-3.5L20 12l-3.5 3.5",
} as const;
