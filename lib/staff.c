#include "staff.h"

#include "form.h"
#include "page.h"
#include "web.h"

struct page *
staff_page(struct request *r, const char *template, const char *title,
    const char *purpose)
{
	struct page *page = page_new(r, template);

	page_set(page, "title", title);
	page_show(page, "staff_nav");
	page_set(page, "logout_csrf", auth_token(r, auth_purpose(r, "logout")));
	page_set(page, "csrf", auth_token(r, auth_purpose(r, purpose)));
	return page;
}

bool
staff_form(struct request *r, const char *purpose, unsigned char key[AUTH_KEY])
{
	unsigned char unused[AUTH_KEY];
	enum auth_verdict verdict = auth_check(r, auth_purpose(r, purpose),
	    form_text(r, "csrf"), key != NULL ? key : unused);

	return verdict == AUTH_GOOD || verdict == AUTH_EARLY;
}

int
staff_turn_away(struct request *r, const char *to)
{
	if (r->status == 401)
		return web_see_other(r, "/login");
	if (r->status == 403 && to != NULL)
		return web_see_other(r, "/login/again?to=%s", to);
	return r->status;
}

int
staff_turn_away_from(struct request *r, const char *ticket, const char *to)
{
	if (r->status == 401)
		return web_see_other(r, "/login?ticket=%s", ticket);
	if (r->status == 403 && to != NULL)
		return web_see_other(
		    r, "/login/again?ticket=%s&to=%s", ticket, to);
	return r->status;
}
