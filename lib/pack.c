#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <time.h>

#include "arena.h"
#include "log.h"
#include "pack.h"

struct pack {
	struct archive *archive;
	struct archive_entry *entry;
	char *bytes;
	size_t size, used;
	time_t at;
};

static void
pack_drop(void *p)
{
	struct pack *pack = p;

	archive_entry_free(pack->entry);
	archive_write_free(pack->archive);
}

static void
insist(struct pack *p, bool good)
{
	if (!good)
		log_fatal("could not write an archive: %s",
		    archive_error_string(p->archive));
}

struct pack *
pack_new(struct arena *arena, size_t entries, size_t size)
{
	struct pack *p = arena_alloc(arena, sizeof(*p));

	/* deflate adds five bytes to each 16 KiB that it cannot shrink */
	p->size = size + size / 1024 + (entries + 2) * PACK_ENTRY;
	p->bytes = arena_alloc(arena, p->size);
	p->at = time(NULL);
	p->archive = archive_write_new();
	p->entry = archive_entry_new();
	if (p->archive == NULL || p->entry == NULL)
		log_fatal("out of memory");
	arena_defer(arena, pack_drop, p);
	insist(p, archive_write_set_format_zip(p->archive) == ARCHIVE_OK &&
		      archive_write_set_bytes_per_block(p->archive, 0) ==
			  ARCHIVE_OK &&
		      archive_write_open_memory(p->archive, p->bytes, p->size,
			  &p->used) == ARCHIVE_OK);
	return p;
}

void
pack_begin(struct pack *p, const char *path, size_t size)
{
	archive_entry_clear(p->entry);
	archive_entry_set_pathname(p->entry, path);
	archive_entry_set_size(p->entry, (la_int64_t)size);
	archive_entry_set_filetype(p->entry, AE_IFREG);
	archive_entry_set_perm(p->entry, 0644);
	archive_entry_set_mtime(p->entry, p->at, 0);
	insist(p, archive_write_header(p->archive, p->entry) == ARCHIVE_OK);
}

void
pack_put(struct pack *p, const char *bytes, size_t size)
{
	while (size > 0) {
		la_ssize_t n = archive_write_data(p->archive, bytes, size);

		insist(p, n > 0);
		bytes += n;
		size -= (size_t)n;
	}
}

const char *
pack_end(struct pack *p, size_t *size)
{
	insist(p, archive_write_close(p->archive) == ARCHIVE_OK);
	*size = p->used;
	return p->bytes;
}
