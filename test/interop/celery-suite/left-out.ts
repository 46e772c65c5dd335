/** Celery's tests, or whole files of them, that say nothing about a worker elsewhere, or that ours cannot pass; and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  "test_backend_leak_in_fixture_teardown.py": "of Python workers in the tests' own process",
  "test_connection_recovery.py": "of the classes of Python's worker",
  "test_loader.py": "of Python's own modules",
  "test_mem_leak_in_exception_handling.py": "of the memory of the tests' own process",
  "test_request_backend_down.py": "of the classes of Python's worker",
  "test_serialization.py": "starts Python workers and reads what they print",
  "test_worker.py::test_run_worker": "starts a Python worker and reads what it prints",
  "test_worker.py::test_django_fixup_direct_worker": "of Python's worker in Django",
  "test_worker.py::test_django_fixup_installs_django_task_for_celery_subclass": "of Python's worker in Django",
  "test_worker.py::test_django_fixup_signals_only_handled_by_own_app": "of Python's worker in Django",
  "test_worker.py::test_concurrency_auto_sizes_prefork_pool": "starts a Python worker",
  "test_tasks.py::test_trace_log_arguments": "reads what a worker logs in the tests' own process",
  "test_inspect.py::test_Inspect::test_scheduled":
    "what is due later stays with the broker, for whichever worker is free",
};

/** And on a RabbitMQ besides. */
export const LEFT_OUT_ON_RABBITMQ: Readonly<Record<string, string>> = {
  "test_tasks.py::test_tasks::test_expired":
    "RabbitMQ drops what expires in its queue, and nobody hears of it; Python's worker has taken it by then, ours takes only what it has room for",
};
