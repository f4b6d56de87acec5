"""The office's papers: the spreadsheet it has, the export and the report it makes."""
