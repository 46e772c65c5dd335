from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0", backend="redis://localhost:6379/0")
app.conf.task_routes = {"prices.*": {"queue": "python"}, "receipts.*": {"queue": "node"}}


@app.task(name="prices.total")
def total(prices):
    if any(price < 0 for price in prices):
        raise ValueError("a price is below zero")
    return sum(prices)
